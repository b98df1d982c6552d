//! A witness inside the database: triggers that write down, with each act, whether its campaign stood still just then.
//!
//! PostgreSQL fires them at the commit, when nothing of the transaction can change any more; whoever holds the campaign
//! against a pause until then is never seen to act in one. A claim holds it not, and does nothing that anybody outside could
//! see: of claims, only those are wrong whose transaction began after the pause was answered. SQLite has one writer at a time.
//!
//! A judge may rule in a pause, and a ruling may have a post written anew: it is no new plan, and nobody claims it meanwhile.

use chimera_domain::CampaignStatus;
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, Statement};
use tokio::runtime::Runtime;

use crate::chimera::Chimera;

/// Acts: what each is called, and the write that it is.
const ACTS: [(&str, &str, &str); 7] = [
    ("signal", "INSERT ON trend_signals", "1 = 1"),
    ("release", "UPDATE ON trend_signals", "OLD.outcome <> NEW.outcome AND NEW.outcome = 'PLANNED'"),
    ("task", "INSERT ON agent_tasks", "CAST(NEW.payload ->> 'replans' AS INTEGER) = 0"),
    ("claim", "UPDATE ON agent_tasks", "OLD.state <> 'EXECUTING' AND NEW.state = 'EXECUTING'"),
    ("publish", "UPDATE ON agent_tasks", "OLD.state <> 'PUBLISHING' AND NEW.state = 'PUBLISHING'"),
    ("entry", "INSERT ON publications", "1 = 1"),
    ("attempt", "UPDATE ON publications", "OLD.attempts < NEW.attempts"),
];

/// The database, by SQL of its own. It has one campaign.
pub(super) struct Witness {
    runtime: Runtime,
    db: DatabaseConnection,
    embedded: bool,
}

impl Witness {
    /// Puts the triggers into a database that is migrated.
    pub(super) fn call(chimera: &Chimera) -> Self {
        let runtime = Runtime::new().unwrap();
        let file = || format!("sqlite://{}", chimera.data().join("chimera.db").display());
        let url = chimera.servers().map_or_else(file, |(database, _)| database);
        let db = runtime.block_on(Database::connect(url)).unwrap();
        let witness = Self { runtime, db, embedded: chimera.is_embedded() };
        witness.execute("CREATE TABLE witness (act TEXT, status TEXT, version BIGINT, at TIMESTAMPTZ)");
        if !witness.embedded {
            witness.execute(
                "CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO witness \
                 SELECT TG_ARGV[0], status, state_version, transaction_timestamp() FROM campaigns; RETURN NULL; END $$",
            );
        }
        for (act, write, when) in ACTS {
            witness.execute(&witness.trigger(act, write, when));
        }
        witness
    }

    fn trigger(&self, act: &str, write: &str, when: &str) -> String {
        if self.embedded {
            format!(
                "CREATE TRIGGER witness_{act} AFTER {write} WHEN {when} BEGIN INSERT INTO witness \
                 SELECT '{act}', status, state_version, CURRENT_TIMESTAMP FROM campaigns; END"
            )
        } else {
            format!(
                "CREATE CONSTRAINT TRIGGER witness_{act} AFTER {write} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW \
                 WHEN ({when}) EXECUTE FUNCTION witness('{act}')"
            )
        }
    }

    pub(super) fn execute(&self, sql: &str) {
        self.runtime.block_on(self.db.execute_unprepared(sql)).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    /// Notes that the campaign is known to stand still, or to go on, from here on.
    pub(super) fn note(&self, status: CampaignStatus) {
        let now = if self.embedded { "CURRENT_TIMESTAMP" } else { "clock_timestamp()" };
        self.execute(&format!("INSERT INTO witness SELECT '{status}', status, state_version, {now} FROM campaigns"));
    }

    /// The texts that a query gives.
    pub(super) fn texts(&self, query: &str) -> Vec<String> {
        let asked = Statement::from_string(self.db.get_database_backend(), query);
        let rows = self.runtime.block_on(self.db.query_all_raw(asked)).unwrap_or_else(|e| panic!("{query}: {e}"));
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    pub(super) fn count(&self, rows: &str) -> usize {
        self.texts(&format!("SELECT CAST(count(*) AS TEXT) FROM {rows}"))[0].parse().unwrap()
    }

    /// How often each act was seen, and at how many versions of the campaign.
    pub(super) fn seen(&self, act: &str) -> (usize, usize) {
        let seen = format!("FROM witness WHERE act = '{act}'");
        (
            self.count(&format!("(SELECT 1 {seen}) AS acts")),
            self.count(&format!("(SELECT DISTINCT version {seen}) AS at")),
        )
    }

    /// What was done at a version at which the campaign was paused.
    pub(super) fn wrong(&self) -> Vec<String> {
        let began_later =
            "EXISTS (SELECT 1 FROM witness p WHERE p.act = 'PAUSED' AND p.version = w.version AND p.at < w.at)";
        let of_claims = if self.embedded { "1 = 1" } else { began_later };
        let mut wrong = self.texts(&format!(
            "SELECT act || ' at version ' || version FROM witness w WHERE status <> 'ACTIVE' AND act <> 'PAUSED' \
             AND (act <> 'claim' OR {of_claims})"
        ));
        // By the audit log, whose order is that of the commits.
        wrong.extend(self.texts(
            "SELECT 'publish_begun by entry ' || b.seq FROM audit_log b WHERE b.action = 'publish_begun' AND \
             (SELECT p.details FROM audit_log p WHERE p.action = 'campaign_status_set' AND p.seq < b.seq \
             ORDER BY p.seq DESC LIMIT 1) LIKE '%\"to\":\"PAUSED\"%'",
        ));
        wrong
    }

    /// Does by hand, to a fleet that has ended and whose campaign is paused, what must not be; gives what of it goes unseen.
    pub(super) fn blind_spots(&self) -> Vec<&'static str> {
        let id = if self.embedded { "randomblob(16)" } else { "gen_random_uuid()" };
        let copy = |table: &str, other: &str| {
            self.execute(&format!("CREATE TABLE forged AS SELECT * FROM {table} ORDER BY id LIMIT 1"));
            self.execute(&format!("UPDATE forged SET id = {id}, {other}"));
            self.execute(&format!("INSERT INTO {table} SELECT * FROM forged"));
            self.execute("DROP TABLE forged");
        };
        copy("trend_signals", "event_key = 'forged', content_hash = 'forged', outcome = 'DEFERRED'");
        self.execute("UPDATE trend_signals SET story_id = id WHERE event_key = 'forged'");
        self.execute("UPDATE trend_signals SET outcome = 'PLANNED' WHERE event_key = 'forged'");
        copy("agent_tasks", "state = 'READY', trace_id = 'forged'");
        for state in ["EXECUTING", "PUBLISHING"] {
            self.execute(&format!("UPDATE agent_tasks SET state = '{state}' WHERE trace_id = 'forged'"));
        }
        copy("publications", "idempotency_key = 'forged'");
        self.execute("UPDATE publications SET attempts = attempts + 1 WHERE idempotency_key = 'forged'");
        self.execute("CREATE TABLE forged AS SELECT * FROM audit_log WHERE action = 'publish_begun' LIMIT 1");
        self.execute("UPDATE forged SET seq = (SELECT max(seq) + 1 FROM audit_log)");
        self.execute("INSERT INTO audit_log SELECT * FROM forged");
        let found = self.wrong();
        let acts = ACTS.iter().map(|(act, ..)| *act).chain(["publish_begun"]);
        acts.filter(|act| !found.iter().any(|one| one.starts_with(&format!("{act} ")))).collect()
    }
}
