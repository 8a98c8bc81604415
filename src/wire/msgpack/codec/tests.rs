//! The codec against an independent implementation, and against hostile bytes.

use bytes::Bytes;
use proptest::prelude::*;

use super::{DecodeError, MAX_DEPTH, Value, decode, encode};

fn bytes(b: &[u8]) -> Bytes {
    Bytes::copy_from_slice(b)
}

fn foreign(value: &Value) -> rmpv::Value {
    match value {
        Value::Nil => rmpv::Value::Nil,
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => match i64::try_from(*i) {
            Ok(i) => i.into(),
            Err(_) => u64::try_from(*i).unwrap().into(),
        },
        Value::Float(f) => (*f).into(),
        Value::Str(s) => s.as_str().into(),
        Value::Bin(b) => rmpv::Value::Binary(b.to_vec()),
        Value::Array(a) => rmpv::Value::Array(a.iter().map(foreign).collect()),
        Value::Map(m) => {
            rmpv::Value::Map(m.iter().map(|(k, v)| (k.as_str().into(), foreign(v))).collect())
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|i| Value::Int(i.into())),
        (-70_000i64..70_000).prop_map(|i| Value::Int(i.into())),
        any::<u64>().prop_map(|i| Value::Int(i.into())),
        (-1e12..1e12f64).prop_map(Value::Float),
        ".{0,40}".prop_map(|s: String| Value::text(&s)),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|b| Value::Bin(b.into())),
    ];
    leaf.prop_recursive(4, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
            prop::collection::btree_map("[a-z]{1,9}", inner, 0..20)
                .prop_map(|m| { Value::Map(m.into_iter().map(|(k, v)| (k.into(), v)).collect()) }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_and_equals_another_implementation(value in any_value()) {
        let ours = encode(&value);
        let mut theirs = Vec::new();
        rmpv::encode::write_value(&mut theirs, &foreign(&value)).unwrap();
        prop_assert_eq!(&ours[..], &theirs[..]);
        prop_assert_eq!(decode(&ours).unwrap(), value);
    }

    #[test]
    fn no_bytes_bring_the_decoder_down(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(&bytes(&noise));
    }

    #[test]
    fn a_cut_message_is_refused(value in any_value(), at in 0.0..1.0f64) {
        let whole = encode(&value);
        let cut = (whole.len() as f64 * at) as usize;
        prop_assert_eq!(decode(&whole.slice(..cut)).unwrap_err(), DecodeError::Short);
    }
}

#[test]
fn claims_that_the_bytes_do_not_pay_for_are_refused() {
    for claim in [
        &[0xdd, 0xff, 0xff, 0xff, 0xff][..],
        &[0xdf, 0xff, 0xff, 0xff, 0xff],
        &[0xc6, 0xff, 0xff, 0xff, 0xff, 1],
        &[0xdb, 0xff, 0xff, 0xff, 0xff, b'a'],
    ] {
        assert_eq!(decode(&bytes(claim)), Err(DecodeError::Short));
    }
}

#[test]
fn depth_extensions_duplicates_and_odd_keys_are_refused() {
    let deep = [vec![0x91; MAX_DEPTH + 2], vec![0xc0]].concat();
    assert_eq!(decode(&bytes(&deep)), Err(DecodeError::Depth));
    assert_eq!(decode(&bytes(&[0xd4, 0, 0])), Err(DecodeError::Type(0xd4)));
    assert_eq!(decode(&bytes(&[0xc1])), Err(DecodeError::Type(0xc1)));
    assert_eq!(decode(&bytes(&[0x82, 0xa1, b'a', 1, 0xa1, b'a', 2])), Err(DecodeError::Duplicate));
    assert_eq!(decode(&bytes(&[0x81, 1, 1])), Err(DecodeError::Key));
    assert_eq!(decode(&bytes(&[0xa1, 0xff])), Err(DecodeError::Text));
    assert_eq!(decode(&bytes(&[1, 1])), Err(DecodeError::Trailing));
    let mut large = vec![0xde, 0, 20];
    for i in 0..20u8 {
        large.extend([0xa1, b'a' + i % 19, i]);
    }
    assert_eq!(decode(&bytes(&large)), Err(DecodeError::Duplicate));
}

#[test]
fn a_flood_of_small_values_is_refused_before_it_fills_the_memory() {
    let mut flood = vec![0xdd, 0, 0x20, 0, 0];
    flood.resize(5 + 0x20_0000, 0xc0);
    assert_eq!(decode(&bytes(&flood)), Err(DecodeError::Many));
}
