//! How the host identifies itself to a device.

use std::env;
use std::sync::OnceLock;

use crate::device::random_name::random_name;

/// The lease owner: user and machine, such as `anna@desk`. Hosts that wait see it.
pub(super) fn owner() -> String {
    let user = env::var("USER").or_else(|_| env::var("LOGNAME")).unwrap_or_else(|_| {
        let id = rustix::process::getuid().as_raw();
        if id == 0 { "root".to_owned() } else { id.to_string() }
    });
    let system = rustix::system::uname();
    let owner = format!("{user}@{}", system.nodename().to_string_lossy());
    owner.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// A random identifier of this process. A host that knows it may take over the lease.
pub(super) fn session() -> &'static str {
    static SESSION: OnceLock<String> = OnceLock::new();
    SESSION.get_or_init(random_name::<16>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_a_user_at_a_machine_and_a_session_is_one_a_process() {
        let owner = owner();
        let (user, machine) = owner.split_once('@').unwrap();
        assert!(!user.is_empty() && !machine.is_empty(), "{owner}");
        assert_eq!(session(), session());
        assert_eq!(session().len(), 32);
    }
}
