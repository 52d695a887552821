//! Logging in to the device: with keys, then with a password.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use ssh2::{KeyboardInteractivePrompt, Prompt};

use super::connection::within;
use super::route::{self, Route};
use super::secret;
use super::timed_session::{AGAIN, TICK, Wire, wait_for};
use crate::device::transport::error::TransportError;

/// Time limit of one attempt. Hosts wait a while before they refuse one.
const ATTEMPT: Duration = Duration::from_secs(20);
/// Most keys of the SSH agent to try. Hosts hang up after six attempts, and some attempts have to be
/// left for the other keys and the password.
const KEYS_OF_AGENT: usize = 3;
const USUAL_KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

pub(super) fn authenticate(wire: &Wire, route: &Route) -> Result<(), TransportError> {
    let user = route.user.clone();
    let doing = format!("logging in to {}", wire.to);
    // Asking for the methods is itself a login attempt, and may succeed.
    let methods = wire.until(&doing, ATTEMPT, |session| match session.auth_methods(&user) {
        Err(_) if session.authenticated() => Ok(String::new()),
        methods => methods.map(str::to_owned),
    })?;
    let mut attempts = Attempts { wire, user, tried: Vec::new() };
    if wire.session.authenticated()
        || (methods.contains("publickey")
            && attempts.keys(route.identities.first().map(PathBuf::as_path))?)
        || attempts.password(&methods)?
    {
        return Ok(());
    }
    let Attempts { user, tried, .. } = attempts;
    let tried = if tried.is_empty() { "nothing to try".to_owned() } else { tried.join(", ") };
    Err(TransportError::Refused(format!(
        "{} does not let {user} in ({tried}; it accepts {methods}): name a key with `identity` in \
         devices.toml, add one to your agent with ssh-add, or set {}",
        wire.to,
        secret::VARIABLE
    )))
}

struct Attempts<'a> {
    wire: &'a Wire,
    user: String,
    /// What was tried, in words, for the error message.
    tried: Vec<String>,
}

impl Attempts<'_> {
    fn keys(&mut self, identity: Option<&Path>) -> Result<bool, TransportError> {
        if let Some(identity) = identity {
            return Ok(self.key(identity)? || self.agent()?);
        }
        if self.agent()? {
            return Ok(true);
        }
        let home = route::home();
        for name in USUAL_KEYS {
            let path = home.join(".ssh").join(name);
            // The user is not asked for the passphrase of a key that the entry does not name.
            if path.is_file() && !secret::is_encrypted(&path) && self.key(&path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn key(&mut self, path: &Path) -> Result<bool, TransportError> {
        let question = format!("passphrase of {}", path.display());
        let passphrase = if secret::is_encrypted(path) { secret::ask(&question)? } else { None };
        let passphrase = passphrase.as_ref().map(|secret| secret.as_str());
        let done = self
            .attempt(|session, user| session.userauth_pubkey_file(user, None, path, passphrase));
        self.answered(&question, format!("key {}", path.display()), done)
    }

    fn agent(&mut self) -> Result<bool, TransportError> {
        if std::env::var_os("SSH_AUTH_SOCK").is_none() {
            return Ok(false);
        }
        // The agent is another program: it may never answer.
        let session = self.wire.session.clone();
        let listed = within("asking the SSH agent", ATTEMPT, move || {
            let mut agent = session.agent()?;
            agent.connect()?;
            agent.list_identities()?;
            let keys = agent.identities()?;
            Ok::<_, ssh2::Error>((agent, keys))
        });
        // A late agent keeps the session locked, so the login cannot go on.
        let Ok((agent, keys)) = listed? else { return Ok(false) };
        let agent = Arc::new(agent);
        for key in keys.into_iter().take(KEYS_OF_AGENT) {
            let what = format!("key '{}' of the agent", key.comment());
            let doing = format!("logging in to {} with {what}", self.wire.to);
            let (agent, user) = (Arc::clone(&agent), self.user.clone());
            let socket = Arc::clone(&self.wire.socket);
            // The SSH agent may ask the user first, or wait for a touch.
            let done = within(&doing, ATTEMPT, move || sign(&agent, &user, &key, &socket))?
                .map_err(|error| TransportError::failed(&doing, error.message()));
            if self.noted(what, done)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn password(&mut self, methods: &str) -> Result<bool, TransportError> {
        let plain = methods.split(',').any(|method| method == "password");
        if !plain && !methods.contains("keyboard-interactive") {
            return Ok(false);
        }
        let question = format!("password of {}", self.wire.to);
        let Some(password) = secret::ask(&question)? else {
            return Ok(false);
        };
        let done = self.attempt(|session, user| {
            if plain {
                session.userauth_password(user, &password)
            } else {
                session.userauth_keyboard_interactive(user, &mut Answer(&password))
            }
        });
        self.answered(&question, "a password".to_owned(), done)
    }

    fn attempt(
        &self,
        mut step: impl FnMut(&ssh2::Session, &str) -> Result<(), ssh2::Error>,
    ) -> Result<(), TransportError> {
        let doing = format!("logging in to {}", self.wire.to);
        self.wire.until(&doing, ATTEMPT, |session| step(session, &self.user))
    }

    /// As [`Self::noted`], for an attempt with a secret. A refused secret is forgotten, so that the
    /// user is asked again.
    fn answered(
        &mut self,
        question: &str,
        what: String,
        done: Result<(), TransportError>,
    ) -> Result<bool, TransportError> {
        if matches!(done, Err(TransportError::Failed { .. })) {
            secret::forget(question);
        }
        self.noted(what, done)
    }

    /// A refusal is not an error yet; a lost link is an error.
    fn noted(
        &mut self,
        what: String,
        done: Result<(), TransportError>,
    ) -> Result<bool, TransportError> {
        match done {
            Ok(()) => Ok(self.wire.session.authenticated()),
            Err(TransportError::Failed { reason, .. }) => {
                self.tried.push(format!("{what}: {}", reason.to_lowercase()));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// One attempt with a key of the SSH agent. The caller stops waiting after [`ATTEMPT`].
fn sign(
    agent: &ssh2::Agent,
    user: &str,
    key: &ssh2::PublicKey,
    socket: &OwnedFd,
) -> Result<(), ssh2::Error> {
    let start = Instant::now();
    loop {
        match agent.userauth(user, key) {
            Err(error) if error.code() == AGAIN && start.elapsed() < ATTEMPT => {
                // A failed wait shows at the next attempt.
                let _ = wait_for(&mut [PollFd::new(socket, PollFlags::IN)], TICK);
            }
            done => return done,
        }
    }
}

struct Answer<'a>(&'a str);

impl KeyboardInteractivePrompt for Answer<'_> {
    fn prompt(&mut self, _: &str, _: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        // A prompt with echo does not ask for a password.
        let answer = |prompt: &Prompt| if prompt.echo { String::new() } else { self.0.to_owned() };
        prompts.iter().map(answer).collect()
    }
}
