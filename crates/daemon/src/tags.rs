//! The service tags in force, and their file, which is taken whole when it is good.

use crate::change::State;
use crate::commands::Workers;
use crate::load::Job;
use crate::opening::{Opened, put_in_force};
use crate::tag_watch::{Target, Watched};
use answer::{TagsInForce, TagsRefused};
use diagnostic::Diagnostic;
use gateway::{Loaded, NotTaken, Retagged};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tracing::{info, warn};

/// How long after a file that breaks off it is read again, the first time; each later one waits twice as long.
const RETRY: Duration = Duration::from_secs(1);
/// How often such a file is read again, should nobody tell of a change.
const RETRIES: u32 = 4;
/// The most of what is wrong with a file that one line of the log tells.
const TOLD: usize = 20;

/// What is known of the file.
#[derive(Debug)]
pub(crate) struct Tags {
    watched: Watched,
    /// When the tags in force were read.
    taken: SystemTime,
    /// When a later version was refused, and why.
    refusal: Option<(SystemTime, String)>,
    /// How often the present version has been read again.
    retries: u32,
}

impl Tags {
    /// Of a file that was read at `taken` or later.
    pub(crate) fn new(watched: Watched, taken: SystemTime) -> Self {
        Self { watched, taken, refusal: None, retries: 0 }
    }

    /// Takes in that a whole gateway file, whose reading began at `since`, is in force.
    pub(crate) fn loaded(&mut self, loaded: &Loaded, since: SystemTime) {
        (self.taken, self.refusal, self.retries) = (since, None, 0);
        self.watched.set(loaded.settings.service_tags.clone().map(|path| Target { path, since }));
    }

    /// Takes in that the file has changed.
    pub(crate) fn changed(&mut self) {
        self.retries = 0;
    }

    /// What the peers of the control socket may read.
    pub(crate) fn shown(&self, loaded: &Loaded) -> Option<TagsInForce> {
        let file = loaded.settings.service_tags.as_ref()?;
        let time = |at: SystemTime| humantime::format_rfc3339_seconds(at).to_string();
        let tags = &loaded.gateway.network.service_tags;
        Some(TagsInForce {
            file: file.display().to_string(),
            cloud: tags.cloud.as_deref().map(str::to_owned),
            change_number: tags.change_number,
            tags: tags.len() as u64,
            taken_at: time(self.taken),
            last_refusal: self.refusal.clone().map(|(at, why)| TagsRefused { at: time(at), why }),
        })
    }

    /// Takes in that the file was refused, and says so once. Returns when it is to be read again, if at all.
    pub(crate) fn refused(&mut self, loaded: &Loaded, why: String, is_unfinished: bool) -> Option<Duration> {
        if self.refusal.as_ref().is_none_or(|(_, told)| *told != why) {
            let file = loaded.settings.service_tags.as_ref().map(|file| file.display().to_string());
            let number = loaded.gateway.network.service_tags.change_number;
            warn!(file, in_force = number, "the service tags are not taken, those in force stay: {why}");
        }
        self.refusal = Some((SystemTime::now(), why));
        let again = (is_unfinished && self.retries < RETRIES).then(|| RETRY * 2_u32.pow(self.retries));
        self.retries += u32::from(again.is_some());
        again
    }
}

impl State {
    /// What is to be loaded where the file of service tags has changed; `None` where there is none.
    pub(crate) fn tag_job(&self) -> Option<Job> {
        let file = self.loaded.settings.service_tags.clone()?;
        Some(Job::Tags { file, network: Arc::clone(&self.loaded.gateway.network) })
    }

    /// Puts other service tags in force, which were read at `at`; live flows go on, as after any change of rules.
    ///
    /// # Errors
    /// Why they are not taken, and whether they may be in a moment; nothing has changed then.
    pub(crate) fn retag(
        &mut self,
        workers: &Workers,
        read: Result<Option<Box<Retagged>>, NotTaken>,
        at: SystemTime,
    ) -> Result<(), (String, bool)> {
        let new = read.map_err(|not| (in_one_line(&not.found), not.is_unfinished))?;
        let Some(new) = new else {
            // They are as good as when they were taken.
            self.tags.refusal = None;
            return Ok(());
        };
        let Retagged { network, warnings } = *new;
        let mut next = self.as_loaded();
        next.gateway.network = Arc::new(network);
        let snapshot = self.compile(&next.gateway).map_err(|why| (why, false))?;
        let parted = put_in_force(workers, &snapshot, Opened::new(), &[]);
        self.adopt(next, snapshot);
        self.close(parted);
        warnings.iter().for_each(crate::log_diagnostic);
        let tags = &self.loaded.gateway.network.service_tags;
        let file = self.loaded.settings.service_tags.as_ref().map(|file| file.display().to_string());
        info!(
            file,
            cloud = tags.cloud.as_deref(),
            number = tags.change_number,
            tags = tags.len(),
            "new service tags are in force"
        );
        (self.tags.taken, self.tags.refusal, self.tags.retries) = (at, None, 0);
        Ok(())
    }

    /// A reload that is asked for takes any service tags; that they are no later ones of the same cloud is worth a warning.
    pub(crate) fn warn_of_other_tags(&self, loaded: &mut Loaded) {
        let Some(file) = &loaded.settings.service_tags else { return };
        let (old, new) = (&self.loaded.gateway.network.service_tags, &loaded.gateway.network.service_tags);
        loaded
            .warnings
            .extend(gateway::step_back(file, old, new).map(|warning| Diagnostic { help: None, ..warning }));
    }
}

/// The first of what is wrong, in one line of the log.
fn in_one_line(found: &[Diagnostic]) -> String {
    let told = found.iter().take(TOLD).map(|one| one.to_string().replace('\n', ""));
    let told = told.collect::<Vec<_>>().join("; ");
    match found.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}
