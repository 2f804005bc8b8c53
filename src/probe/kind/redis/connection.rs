//! A connection to a Redis server or a sentinel, logged in.

use opentelemetry::KeyValue;

use super::refusal::Refusal;
use super::resp::{Answer, Command, exchange};
use crate::config::{ProbeSettings, Secret};
use crate::dial::Stream;
use crate::probe::connection::Address;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::run::Run;
use crate::telemetry::names;

/// How the connection calls itself in the server's `CLIENT LIST`.
const CLIENT_NAME: &str = "lineside";

/// Who logs in, and to what.
#[derive(Clone, Debug, Default)]
pub(super) struct Login {
    /// The user; `None` is the server's default user.
    pub(super) user: Option<String>,
    /// The password; with none and no user, there is no login.
    pub(super) password: Option<Secret>,
    /// The number of the database.
    pub(super) database: u32,
}

impl Login {
    /// The user and password for what `settings` name, to database 0.
    pub(super) fn of(settings: &ProbeSettings) -> Login {
        let password = settings.login_password();
        Login {
            user: settings.url.user(),
            password: password.cloned(),
            database: 0,
        }
    }

    /// What is to be said before the first question. The last says who we are, and so that there is always something to
    /// say: a server that hangs is found out here.
    fn greeting(&self) -> Vec<Command> {
        let mut greeting = Vec::new();
        match (&self.user, &self.password) {
            (None, None) => {}
            (user, Some(password)) => greeting.push(Command::auth(user.as_deref(), password)),
            // A user without a password is let in with any (ACL, "nopass").
            (user, None) => greeting.push(Command::auth(user.as_deref(), &Secret::new(""))),
        }
        if self.database != 0 {
            greeting.push(Command::new(&["SELECT", &self.database.to_string()]));
        }
        greeting.push(Command::new(&["CLIENT", "SETNAME", CLIENT_NAME]));
        greeting
    }
}

/// A connection that is logged in. Dropping it closes it.
pub(super) struct Connection<'a> {
    stream: Stream,
    user: Option<String>,
    run: &'a Run,
}

impl<'a> Connection<'a> {
    /// Connects and logs in.
    pub(super) async fn open(
        address: &Address,
        login: &Login,
        run: &'a Run,
    ) -> Result<Connection<'a>, Failure> {
        let mut connection = Connection {
            stream: address.open(run).await?,
            user: login.user.clone(),
            run,
        };
        let greeted = connection.greet(login);
        run.phase(Phase::Handshake, greeted).await?;
        Ok(connection)
    }

    async fn greet(&mut self, login: &Login) -> Result<(), Failure> {
        let mut answers = self.ask_all(&login.greeting()).await?;
        let named = answers.pop();
        for answer in answers {
            self.granted(answer)?;
        }
        match named {
            // Servers before Redis 2.6.9, and users who may not, go without a name.
            Some(Err(refusal)) if refusal.ends_everything() => Err(self.failure(&refusal)),
            _ => Ok(()),
        }
    }

    /// Asks `commands` in one go.
    ///
    /// # Errors
    ///
    /// When the connection ends before the last answer: by what the server said until then, where it said something.
    pub(super) async fn ask<const N: usize>(
        &mut self,
        commands: [Command; N],
    ) -> Result<[Answer; N], Failure> {
        let answers = self.ask_all(&commands).await?;
        answers.try_into().map_err(|_| {
            let message = "not every question has its answer";
            Failure::new(Reason::Internal, message)
        })
    }

    /// As [`Connection::ask`], for a number of commands that depends. There are as many answers as commands.
    pub(super) async fn ask_all(&mut self, commands: &[Command]) -> Result<Vec<Answer>, Failure> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let (answers, broken) = exchange(&mut self.stream, commands).await;
        let Some(broken) = broken else {
            return Ok(answers);
        };
        let refusal = answers.into_iter().find_map(Result::err);
        Err(refusal.map_or(broken, |refusal| self.failure(&refusal)))
    }

    /// The answer, where it may not be an error.
    pub(super) fn granted(&self, answer: Answer) -> Result<redis::Value, Failure> {
        answer.map_err(|refusal| self.failure(&refusal))
    }

    /// The failure that `refusal` makes of the run.
    pub(super) fn failure(&self, refusal: &Refusal) -> Failure {
        let code = refusal.code().to_owned();
        self.run.attribute(KeyValue::new(names::DB_STATUS, code));
        refusal.failure(self.user.as_deref())
    }
}
