//! Control: JSON-RPC 2.0 by `POST /api/v2/PATH`, and the reload. The method in the body decides
//! which permission is needed, so the check is made here, after reading it.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value as Json, json};

use super::auth::Who;
use super::call::{Call, Problem};
use super::headers::typed;
use super::{Site, access, rest};
use crate::api::control::{self, ControlError};
use crate::api::{ApiError, ErrorKind};
use crate::engine::{Effect, Refusal};

/// Largest request of a user: a file in it as large as a parameter lets it be. Others have less.
pub(super) const LARGEST: usize = 32 << 20;
const LIMIT: usize = 1 << 20;

const WRONG_REQUEST: i64 = -32600;
const WRONG_METHOD: i64 = -32601;
const WRONG_PARAMS: i64 = -32602;
const INTERNAL: i64 = -32603;
const NOT_JSON: i64 = -32700;

/// An error of the protocol.
struct Fault {
    status: StatusCode,
    code: i64,
    message: Json,
}

impl Fault {
    fn request(message: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: WRONG_REQUEST, message: message.into() }
    }
}

/// A request of the protocol.
struct Request {
    id: Json,
    method: String,
    params: Map<String, Json>,
}

/// `POST /api/v2/PATH`
pub(super) async fn post(site: Site, mut call: Call) -> Result<Response, Problem> {
    let generation = site.engine().generation();
    if rest::allowed_origin(call.headers(), &generation.config).is_err() {
        let body = json!({ "error": { "message": "invalid origin" } });
        let kind = "text/plain; charset=utf-8";
        return Ok(typed(StatusCode::BAD_REQUEST, kind, body.to_string()));
    }
    if call.content_type() != "application/json" {
        let fault = Fault::request("Invalid content-type (use application/json)");
        return Ok(answer(None, Err(fault)));
    }
    let body = call.read_body(if call.who.name.is_some() { LARGEST } else { LIMIT }).await?;
    let request = match read(&body) {
        Ok(request) => request,
        Err(fault) => return Ok(answer(None, Err(fault))),
    };
    let path = rest::below(call.parts.uri.path()).to_owned();
    let id = request.id.clone();
    Ok(answer(Some(id), run(&site, &call.who, &path, &request).await))
}

async fn run(site: &Site, who: &Who, path: &str, request: &Request) -> Result<Json, Fault> {
    let (method, at) = control::find(path, &request.method).map_err(fault)?;
    let generation = site.engine().generation();
    let target = async {
        let found = control::target(site.api(), &generation.config, method, &at, &request.params);
        found.await.map_err(Problem::from)
    };
    access::may(&generation, method.action, who, target).await.map_err(|p| Fault {
        status: p.status,
        code: WRONG_REQUEST,
        message: p.text.into(),
    })?;
    let user = who.name.as_deref();
    let hands = (site.engine(), &site.0.web.reload);
    control::run(hands, site.api(), method, &at, &request.params, user).await.map_err(fault)
}

fn read(body: &[u8]) -> Result<Request, Fault> {
    let json: Json = serde_json::from_slice(body).map_err(|e| Fault {
        status: StatusCode::BAD_REQUEST,
        code: NOT_JSON,
        message: format!("JSON parse error: {e}").into(),
    })?;
    let Json::Object(mut map) = json else {
        return Err(Fault::request(if json.is_array() {
            "JSONRPC batch requests are not supported"
        } else {
            "JSONRPC root object must be an object"
        }));
    };
    let mut take = |name: &str| {
        map.remove(name).ok_or_else(|| Fault::request(&format!("missing key '{name}'")))
    };
    let (version, method) = (take("jsonrpc")?, take("method")?);
    let (id, params) = (take("id")?, take("params")?);
    if version != "2.0" {
        return Err(Fault::request("only JSONRPC 2.0 is supported"));
    }
    let Json::String(method) = method else {
        return Err(Fault::request("'method' must be a string"));
    };
    if !(id.is_string() || id.is_number() || id.is_null()) {
        return Err(Fault::request("'id' must be a string, number, or null"));
    }
    let Json::Object(params) = params else {
        return Err(Fault::request("'params' must be an object"));
    };
    Ok(Request { id, method, params })
}

fn fault(error: ControlError) -> Fault {
    let with = |status, code, text: String| Fault { status, code, message: text.into() };
    match error {
        ControlError::Api(ApiError { kind, message }) => match kind {
            ErrorKind::Missing => with(StatusCode::NOT_FOUND, WRONG_REQUEST, message),
            ErrorKind::Invalid => with(StatusCode::BAD_REQUEST, WRONG_METHOD, message),
            ErrorKind::Internal => with(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL, message),
        },
        ControlError::Broken(text) => with(StatusCode::BAD_REQUEST, WRONG_REQUEST, text),
        ControlError::Unsupported(text) => with(StatusCode::NOT_IMPLEMENTED, WRONG_METHOD, text),
        ControlError::Form(errors) => {
            let message = Json::from_iter(errors);
            Fault { status: StatusCode::BAD_REQUEST, code: WRONG_PARAMS, message }
        }
        ControlError::Refused(refusal) => {
            let internal = matches!(refusal, Refusal::Unstored(_) | Refusal::Ending);
            let problem = Problem::from(refusal);
            let code = if internal { INTERNAL } else { WRONG_REQUEST };
            with(problem.status, code, problem.text)
        }
    }
}

fn answer(id: Option<Json>, result: Result<Json, Fault>) -> Response {
    let mut body = Map::from_iter([("jsonrpc".to_owned(), Json::from("2.0"))]);
    if let Some(id) = id {
        body.insert("id".to_owned(), id);
    }
    let status = match result {
        Ok(result) => {
            body.insert("result".to_owned(), result);
            StatusCode::OK
        }
        Err(fault) => {
            let error = json!({ "code": fault.code, "message": fault.message });
            body.insert("error".to_owned(), error);
            fault.status
        }
    };
    typed(status, "application/json", Json::Object(body).to_string())
}

/// `POST /api/v2/reload`: `{"changes": [...]}`, or 400 with the error, which has file and line. With
/// `?dry_run=1` nothing changes.
pub(super) async fn reload(site: Site, call: Call) -> Result<Response, Problem> {
    let is_dry = call.parts.uri.query().is_some_and(|q| q.split('&').any(|p| p == "dry_run=1"));
    let effect = if is_dry { Effect::DryRun(None) } else { Effect::Apply };
    let (status, body) = match (site.0.web.reload)(effect).await {
        Ok(reloaded) => (StatusCode::OK, json!({ "changes": reloaded.changes })),
        Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": error })),
    };
    Ok(typed(status, "application/json", body.to_string()))
}
