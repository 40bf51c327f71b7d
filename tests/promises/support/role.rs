//! Who runs the program with less than all rights? A role that owns nothing, and is granted what the program asks for.

use super::target::Target;
use super::tidegate::{Finished, Process};

/// Somebody who owns nothing.
pub(crate) struct Role {
    pub(crate) name: String,
    url: String,
}

impl Role {
    pub(crate) async fn new(target: &Target) -> Self {
        let name = format!("role_{}", uuid::Uuid::new_v4().simple());
        target.execute(&format!("create role {name} login")).await;
        Self { url: target.url.replace("postgres@", &format!("{name}@")), name }
    }

    /// Makes the state tables and grants what `init --print` tells an administrator to grant.
    pub(crate) async fn may_have_state(&self, target: &Target) {
        let preparation = target.tidegate(&["init", "--print"]).await.exits(0).stdout;
        target.execute(&preparation.replace("ROLE", &self.name)).await;
    }

    /// Grants what `init --print` and `plan` tell an administrator to grant for a job on `items`.
    pub(crate) async fn may_run_on_items(&self, target: &Target) {
        self.may_have_state(target).await;
        target.execute(&format!("grant select, update (applied) on items to {}", self.name)).await;
    }

    pub(crate) fn start(&self, target: &Target, arguments: &[&str]) -> Process {
        target.start(&[arguments, &["--database", &self.url]].concat())
    }

    pub(crate) async fn tidegate(&self, target: &Target, arguments: &[&str]) -> Finished {
        self.start(target, arguments).end().await
    }

    /// Roles belong to the server, not to the test's database.
    pub(crate) async fn forget(self, target: &Target) {
        target.execute(&format!("drop owned by {0}; drop role {0}", self.name)).await;
    }
}
