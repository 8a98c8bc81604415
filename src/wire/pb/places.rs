//! Where commands run on a worker that speaks Perspective Broker: in its builder objects. Each stands
//! for a directory and runs one command at a time, so a directory in which several run at once has
//! several of them; they are asked for when they are first needed, and used again.

/// Builder objects of one directory. What exceeds them waits.
const MAX_PLACES: usize = 32;

/// One builder object.
#[derive(Debug)]
struct Place {
    /// Its name on the worker.
    name: String,
    directory: String,
    /// The object; none = it is asked for.
    luid: Option<i64>,
    /// The command that runs there.
    command: Option<String>,
}

/// All of them, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<Place>);

impl Places {
    /// One more for `directory`; false = there are enough of them, or one is on its way.
    pub(super) fn add(&mut self, directory: &str) -> bool {
        let here = || self.0.iter().filter(|place| place.directory == directory);
        let count = here().count();
        if count >= MAX_PLACES || here().any(|place| place.luid.is_none()) {
            return false;
        }
        let name = match count {
            0 => directory.to_owned(),
            // A directory of this name would be another builder's.
            more => format!("{directory} ({})", more + 1),
        };
        self.0.push(Place { name, directory: directory.to_owned(), luid: None, command: None });
        true
    }

    /// Name and directory of each.
    pub(super) fn list(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|place| (place.name.as_str(), place.directory.as_str()))
    }

    /// The worker has made `name`; false = it was known, or is none of these.
    pub(super) fn made(&mut self, name: &str, luid: i64) -> bool {
        match self.0.iter_mut().find(|place| place.name == name) {
            Some(place) if place.luid.is_none() => {
                place.luid = Some(luid);
                true
            }
            _ => false,
        }
    }

    /// Forgets those that the worker has not made; whether there were any.
    pub(super) fn forget_missing(&mut self) -> bool {
        let before = self.0.len();
        self.0.retain(|place| place.luid.is_some());
        self.0.len() < before
    }

    /// Lets `command` run in `directory`; none = no object is free.
    pub(super) fn take(&mut self, directory: &str, command: &str) -> Option<i64> {
        let mut free = self.0.iter_mut().filter(|p| p.directory == directory);
        let place = free.find(|p| p.luid.is_some() && p.command.is_none())?;
        place.command = Some(command.to_owned());
        place.luid
    }

    /// The object that runs `command`.
    pub(super) fn of(&self, command: &str) -> Option<i64> {
        self.0.iter().find(|p| p.command.as_deref() == Some(command)).and_then(|p| p.luid)
    }

    /// `command` runs no longer.
    pub(super) fn free(&mut self, command: &str) {
        for place in self.0.iter_mut().filter(|p| p.command.as_deref() == Some(command)) {
            place.command = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_one_directory_get_objects_of_their_own() {
        let mut places = Places::default();
        assert!(places.add("d") && places.add("e") && !places.add("d"));
        assert_eq!(places.take("d", "1"), None);
        assert!(places.made("d", 7) && places.made("e", 8));
        assert!(!places.made("d", 7) && !places.made("x", 9));
        assert_eq!(places.take("d", "1"), Some(7));
        assert_eq!(places.take("d", "2"), None);
        assert!(places.add("d"));
        assert_eq!(places.list().last(), Some(("d (2)", "d")));
        assert!(places.forget_missing() && !places.forget_missing());
        assert_eq!(places.list().count(), 2);
        assert_eq!(places.of("1"), Some(7));
        places.free("1");
        assert_eq!((places.of("1"), places.take("d", "2")), (None, Some(7)));
        for luid in 10..50 {
            places.add("e");
            let name = places.list().last().unwrap().0.to_owned();
            places.made(&name, luid);
        }
        assert_eq!(places.list().count(), 1 + MAX_PLACES);
    }
}
