//! Logging in to the device: with keys, then with a password.
//!
//! **Invariant:** a key that was refused is not tried again in the same login, whether a file holds it or the
//! SSH agent, as far as its public part can be read; nobody is asked for the passphrase of a key that the
//! SSH agent holds.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt};

use super::connection::within;
use super::identity_file::{self, IdentityFile};
use super::key_blob;
use super::route::{Route, SshAgent};
use super::secret;
use super::timed_session::{AGAIN, TICK, Wire, wait_for};
use crate::device::transport::error::TransportError;

/// Time limit of one attempt. Hosts wait a while before they refuse one.
const ATTEMPT: Duration = Duration::from_secs(20);
const USUAL_KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];
/// `LIBSSH2_ERROR_AUTHENTICATION_FAILED` and `LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED`: what the host answers.
const REFUSALS: [ErrorCode; 2] = [ErrorCode::Session(-18), ErrorCode::Session(-19)];
/// `LIBSSH2_ERROR_SOCKET_SEND`, `_SOCKET_DISCONNECT` and `_SOCKET_RECV`.
const LOSSES: [ErrorCode; 3] =
    [ErrorCode::Session(-7), ErrorCode::Session(-13), ErrorCode::Session(-43)];

/// What one connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Login {
    Done,
    /// The host takes some attempts a connection only, and there is more to try.
    HungUp,
}

/// What was tried, over all connections of a login.
#[derive(Default)]
pub(super) struct Tried {
    /// In words, for the error message.
    told: Vec<String>,
    /// Keys and certificates by their bytes, whoever holds them; private files by their paths as well.
    offered: BTreeSet<Vec<u8>>,
    methods: String,
}

impl Tried {
    pub fn refused(&self, route: &Route) -> TransportError {
        let Self { told, methods, .. } = self;
        let tried = if told.is_empty() { "nothing to try".to_owned() } else { told.join(", ") };
        TransportError::Refused(format!(
            "{} does not let {} in ({tried}; it accepts {methods}): name a key with `identity` in \
             devices.toml, add one to your agent with ssh-add, or set {}",
            route.to(),
            route.user,
            secret::VARIABLE
        ))
    }
}

/// # Errors
/// If nothing that there is to try is accepted.
pub(super) fn authenticate(
    wire: &Wire,
    route: &Route,
    tried: &mut Tried,
) -> Result<Login, TransportError> {
    let doing = format!("logging in to {}", wire.to);
    // Asking for the methods is itself a login attempt, and may succeed.
    let methods =
        wire.until(&doing, ATTEMPT, |session| match session.auth_methods(&route.user) {
            Err(_) if session.authenticated() => Ok(String::new()),
            methods => methods.map(str::to_owned),
        })?;
    if wire.session.authenticated() {
        return Ok(Login::Done);
    }
    tried.methods = methods.clone();
    let mut attempts = Attempts { wire, route, tried: &mut *tried, agent: None };
    if methods.contains("publickey")
        && let Some(login) = attempts.keys()?
    {
        return Ok(login);
    }
    match attempts.password(&methods)? {
        Some(login) => Ok(login),
        None => Err(tried.refused(route)),
    }
}

struct Attempts<'a> {
    wire: &'a Wire,
    route: &'a Route,
    tried: &'a mut Tried,
    /// The SSH agent, once it was asked for its keys.
    agent: Option<Held>,
}

/// An agent, if there is one, and its keys.
#[derive(Clone, Default)]
struct Held {
    agent: Option<Arc<ssh2::Agent>>,
    keys: Vec<Arc<ssh2::PublicKey>>,
}

/// How a login ended, or that it goes on.
type Ended = Result<Option<Login>, TransportError>;

impl Attempts<'_> {
    fn keys(&mut self) -> Ended {
        let route = self.route;
        for named in &route.identities {
            if let Some(login) = self.identity(named)? {
                return Ok(Some(login));
            }
        }
        if !route.only_identities
            && let Some(login) = self.held(|_| true)?
        {
            return Ok(Some(login));
        }
        if route.identities.is_empty() {
            for name in USUAL_KEYS {
                let path = super::route::home().join(".ssh").join(name);
                // The user is not asked for the passphrase of a key that the entry does not name.
                if path.is_file()
                    && !secret::is_encrypted(&path)
                    && let Some(login) = self.file(&IdentityFile::find(&path, &[]), &path)?
                {
                    return Ok(Some(login));
                }
            }
        }
        Ok(None)
    }

    /// A key that the user has named: through the agent, where a passphrase would have to be asked for.
    fn identity(&mut self, named: &Path) -> Ended {
        let files = IdentityFile::find(named, &self.route.certificates);
        if let Some(private) = files.private.as_ref().filter(|path| !secret::is_encrypted(path))
            && let Some(login) = self.file(&files, private)?
        {
            return Ok(Some(login));
        }
        let Some(public) = &files.public else {
            return match &files.private {
                Some(private) => self.file(&files, private),
                None => Ok(None),
            };
        };
        let is_it = |blob: &[u8]| key_blob::plain(blob) == *public;
        if self.holds(is_it)? {
            return self.held(is_it);
        }
        match &files.private {
            Some(private) => self.file(&files, private),
            None => {
                let path = named.display();
                self.tried.told.push(format!("key {path}: the SSH agent does not hold it"));
                Ok(None)
            }
        }
    }

    /// A private file, with each of its certificates and without.
    fn file(&mut self, files: &IdentityFile, path: &Path) -> Ended {
        if !self.tried.offered.insert(path.as_os_str().as_encoded_bytes().to_vec()) {
            return Ok(None);
        }
        let question = format!("passphrase of {}", path.display());
        let encrypted = secret::is_encrypted(path);
        let passphrase = if encrypted { secret::ask(&question)? } else { None };
        if encrypted && passphrase.is_none() {
            let told = format!("key {}: it has a passphrase, and nobody told it", path.display());
            self.tried.told.push(told);
            return Ok(None);
        }
        let passphrase = passphrase.as_ref().map(|secret| secret.as_str());
        let certificates = files.certificates.iter().map(PathBuf::as_path).map(Some);
        for certificate in certificates.chain([None]) {
            let blob = match certificate {
                Some(certificate) => identity_file::public_file(certificate),
                None => files.public.clone(),
            };
            if blob.as_ref().is_some_and(|blob| self.tried.offered.contains(blob)) {
                continue;
            }
            let done = self.attempt(|session, user| {
                session.userauth_pubkey_file(user, certificate, path, passphrase)
            })?;
            let what = match certificate {
                Some(certificate) => {
                    format!("key {} with {}", path.display(), certificate.display())
                }
                None => format!("key {}", path.display()),
            };
            let of_the_file = done.as_ref().is_err_and(|error| !of_the_host(error));
            if encrypted && of_the_file {
                // The user is asked again.
                secret::forget(&question);
                self.tried.told.push(format!("{what}: the passphrase is wrong"));
                return Ok(None);
            }
            let login = self.noted(what, done);
            // A key that the host has not seen may be tried by way of the agent.
            if !of_the_file || login.is_some() {
                self.tried.offered.extend(blob);
            }
            if login.is_some() {
                return Ok(login);
            }
        }
        Ok(None)
    }

    /// Whether the agent holds a key.
    fn holds(&mut self, is_it: impl Fn(&[u8]) -> bool) -> Result<bool, TransportError> {
        Ok(self.ask_agent()?.keys.iter().any(|key| is_it(key.blob())))
    }

    /// The keys of the agent that are meant, certificates first.
    fn held(&mut self, is_meant: impl Fn(&[u8]) -> bool) -> Ended {
        let Held { agent: Some(agent), mut keys } = self.ask_agent()? else { return Ok(None) };
        keys.retain(|key| is_meant(key.blob()));
        let certified = |key: &ssh2::PublicKey| {
            key_blob::kind(key.blob()).is_some_and(key_blob::is_of_certificate)
        };
        keys.sort_by_key(|key| !certified(key));
        for key in keys {
            if !self.tried.offered.insert(key.blob().to_vec()) {
                continue;
            }
            let what = format!("key '{}' of the agent", key.comment());
            let doing = format!("logging in to {} with {what}", self.wire.to);
            let (agent, user) = (Arc::clone(&agent), self.route.user.clone());
            let socket = Arc::clone(&self.wire.socket);
            // The SSH agent may ask the user first, or wait for a touch.
            let done = within(&doing, ATTEMPT, move || sign(&agent, &user, &key, &socket))?;
            if let Some(login) = self.noted(what, done) {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    fn ask_agent(&mut self) -> Result<Held, TransportError> {
        if let Some(held) = &self.agent {
            return Ok(held.clone());
        }
        let place = match &self.route.agent {
            SshAgent::Usual => std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from),
            SshAgent::At(path) => Some(path.clone()),
            SshAgent::None => None,
        };
        let held = match place {
            None => Held::default(),
            Some(place) => {
                // The agent is another program: it may never answer. A late agent keeps the session locked,
                // so the login cannot go on.
                let session = self.wire.session.clone();
                within("asking the SSH agent", ATTEMPT, move || list(&session, &place))?
                    .unwrap_or_default()
            }
        };
        self.agent = Some(held.clone());
        Ok(held)
    }

    fn password(&mut self, methods: &str) -> Ended {
        let plain = methods.split(',').any(|method| method == "password");
        if !plain && !methods.contains("keyboard-interactive") {
            return Ok(None);
        }
        let question = format!("password of {}", self.wire.to);
        let Some(password) = secret::ask(&question)? else {
            return Ok(None);
        };
        let done = self.attempt(|session, user| {
            if plain {
                session.userauth_password(user, &password)
            } else {
                session.userauth_keyboard_interactive(user, &mut Answer(&password))
            }
        })?;
        if done.is_err() {
            secret::forget(&question);
        }
        Ok(self.noted("a password".to_owned(), done).filter(|login| *login == Login::Done))
    }

    fn attempt(
        &self,
        mut step: impl FnMut(&ssh2::Session, &str) -> Result<(), ssh2::Error>,
    ) -> Result<Result<(), ssh2::Error>, TransportError> {
        let doing = format!("logging in to {}", self.wire.to);
        self.wire.tried(&doing, ATTEMPT, |session| step(session, &self.route.user))
    }

    /// A refusal is not an error yet.
    fn noted(&mut self, what: String, done: Result<(), ssh2::Error>) -> Option<Login> {
        match done {
            Ok(()) => self.wire.session.authenticated().then_some(Login::Done),
            Err(error) => {
                self.tried.told.push(format!("{what}: {}", error.message().to_lowercase()));
                let lost = LOSSES.contains(&error.code())
                    // The library's words where the answer did not come.
                    || error.message().contains("Waiting for")
                    || self.wire.hung_up();
                lost.then_some(Login::HungUp)
            }
        }
    }
}

/// Whether the host has answered, and not the file of the key.
fn of_the_host(error: &ssh2::Error) -> bool {
    // The library reads the private file last where there is a certificate, and says so in these words.
    let unsigned = error.message().contains("Callback returned error");
    LOSSES.contains(&error.code()) || (REFUSALS.contains(&error.code()) && !unsigned)
}

fn list(session: &ssh2::Session, place: &Path) -> Result<Held, ssh2::Error> {
    let mut agent = session.agent()?;
    agent.set_identity_path(place)?;
    agent.connect()?;
    agent.list_identities()?;
    let keys = agent.identities()?.into_iter().map(Arc::new).collect();
    Ok(Held { agent: Some(Arc::new(agent)), keys })
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
