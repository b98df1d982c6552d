//! `chimera console`: who may use it.

use std::{io::IsTerminal as _, net::SocketAddr, process::ExitCode};

use chimera_console::sign_in_link;
use chimera_domain::{AccessRole, Ambient as _, Credential, CredentialId, CredentialKind};
use chimera_store::Store;
use chrono::Duration;
use clap::{Args, Subcommand};

use crate::{
    cli::{By, Global, person},
    compose::{self, Ground},
    output,
    system::SystemAmbient,
};

/// The console: let people and programs in.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a link that signs a person in on the console that runs here: once, and within 15 minutes
    SignIn {
        /// How much they may do: viewer, reviewer or operator
        #[arg(long, default_value_t = AccessRole::Operator)]
        role: AccessRole,
        /// Where the console listens [default: see `console.bind` in the configuration]
        #[arg(long, value_name = "ADDRESS:PORT")]
        at: Option<SocketAddr>,
        #[command(flatten)]
        by: By,
    },
    /// Tokens: let programs in
    #[command(subcommand)]
    Token(Token),
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Make a token, for `Authorization: Bearer TOKEN`. It is shown once: only its hash is kept
    Create {
        /// What it is for, as the audit log will name it
        #[arg(value_parser = person)]
        name: String,
        /// How much it may do: viewer, reviewer or operator
        #[arg(long, default_value_t = AccessRole::Viewer)]
        role: AccessRole,
        /// In how many days it ends by itself
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=365))]
        days: u16,
        #[command(flatten)]
        by: By,
    },
    /// List the tokens that let somebody in
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// End a token at once
    Revoke {
        /// The token's id, as `chimera console token list` shows it
        id: CredentialId,
        #[command(flatten)]
        by: By,
    },
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?;
        match self.command {
            Command::SignIn { role, at, by } => {
                let at = at.unwrap_or(config.console.bind);
                anyhow::ensure!(at.port() != 0, "the console takes any free port; say with --at which one it took");
                output::line(&link(&store, &by, role, &format!("http://{at}")).await?);
            }
            Command::Token(Token::Create { name, role, days, by }) => create(&store, name, role, days, &by).await?,
            Command::Token(Token::List { json }) => list(&store, json).await?,
            Command::Token(Token::Revoke { id, by }) => {
                let ended = store.credential_end(id, &by.operator(), SystemAmbient.now()).await?;
                let ended = ended.ok_or_else(|| anyhow::anyhow!("there is no live token {id}"))?;
                output::note(&format!("{} lets nobody in any more", ended.name));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A link that signs `by` in.
pub(crate) async fn link(store: &Store, by: &By, role: AccessRole, origin: &str) -> anyhow::Result<String> {
    let store = store.acting_as(by.operator());
    Ok(sign_in_link(&store, by.name(), role, origin, &SystemAmbient).await?)
}

/// How to sign in, for whoever started the console. A link lets its reader in, so it is shown to a person only, not
/// written to a log.
pub(crate) async fn sign_in_hint(ground: &Ground, origin: &str) -> anyhow::Result<String> {
    if !std::io::stderr().is_terminal() {
        return Ok("sign in   with the link that `chimera console sign-in` makes".to_owned());
    }
    let link = link(&ground.store, &By::whoever_runs_this(), AccessRole::Operator, origin).await?;
    Ok(format!("sign in   {link}\n          (once, within 15 minutes; `chimera console sign-in` makes another)"))
}

async fn create(store: &Store, name: String, role: AccessRole, days: u16, by: &By) -> anyhow::Result<()> {
    let life = Duration::days(days.into());
    let (token, secret) = Credential::grant(CredentialKind::Token, role, name, life, store.tenant(), &SystemAmbient);
    store.acting_as(by.operator()).credential_grant(&token).await?;
    output::note(&format!(
        "token {} ({role}) until {}; it is shown only now:",
        token.id,
        token.expires_at.format("%F")
    ));
    output::line(secret.reveal());
    Ok(())
}

async fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let tokens = store.credentials_live(CredentialKind::Token, SystemAmbient.now()).await?;
    if json {
        return output::json(&tokens);
    }
    let rows = tokens.into_iter().map(|token| {
        let day = |time: chrono::DateTime<chrono::Utc>| time.format("%F").to_string();
        [token.id.to_string(), token.name, token.role.to_string(), day(token.created_at), day(token.expires_at)]
    });
    output::table(["token", "name", "role", "made", "until"], rows);
    Ok(())
}
