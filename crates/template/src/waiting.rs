//! What is evaluated because something else asked for it, however many wait for each other.
//!
//! Whatever waits takes room on the stack, so only a few may. What stands deeper is put off: whoever asked for it ends
//! without a value, it is evaluated by itself, and then whoever asked once more. So a chain takes memory by its
//! length, and each of its links is evaluated about twice.

use crate::expansion::Expansion;
use crate::inside::Inside;
use crate::way::Way;
use expression::Fault;
use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::rc::Rc;

/// How many things wait for each other on the stack.
const MOST_WAITING: usize = 24;
/// How many things one evaluation puts off; it is evaluated again for the others.
const MOST_PUT_OFF: usize = 1000;
/// How many are named of each end of a long circle.
const NAMED_OF_A_CIRCLE: usize = 5;

/// Something that is evaluated because something else asked for it: the number of its deployment, and what it is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    Parameter(usize, String),
    Variable(usize, String),
    Function(usize, String),
    /// All resources of a deployment, with their names and ids.
    Resources(usize, String),
    /// What is in a resource, by its number.
    Resource(usize, usize, String),
    /// The deployment that a resource makes.
    Nested(usize, usize, String),
    Outputs(usize, String),
}

/// Who waits for whom.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Each is evaluated for the one before.
    now: RefCell<Vec<Wanted>>,
    /// What has been put off, the next one last.
    later: RefCell<Vec<PutOff>>,
}

struct PutOff {
    wanted: Wanted,
    /// Whether what it needs has been put off in turn: then it stands after it.
    waits: bool,
}

/// Takes the last one off when it is dropped.
pub(crate) struct Entered<'e>(&'e RefCell<Vec<Wanted>>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().pop();
    }
}

impl Expansion<'_> {
    /// Begins to evaluate something.
    ///
    /// # Errors
    /// It waits for itself; or too many wait already, and it has been put off.
    pub(crate) fn enter(&self, wanted: Wanted) -> Result<Entered<'_>, Fault> {
        let now = &self.waiting.now;
        // What nobody waits for has been put off, and now it is its turn.
        if !now.borrow().is_empty() && self.waits(&wanted) {
            return Err(self.circle(&wanted));
        }
        let is_full = now.borrow().len() >= MOST_WAITING;
        if is_full || self.budget.is_deep() || self.is_halted() {
            let is_kept = |it: &&Wanted| !matches!(it, Wanted::Function(..));
            // What a function comes to is not kept, so that whatever calls it is put off.
            let kept = match is_kept(&&wanted) {
                true => Some(wanted.clone()),
                false => now.borrow().iter().skip(1).rfind(is_kept).cloned(),
            };
            if let Some(kept) = kept {
                return Err(self.put_off(kept));
            }
            if is_full {
                let message = format!("functions wait for each other more than {MOST_WAITING} deep");
                return Err(Fault::limit(message));
            }
        }
        now.borrow_mut().push(wanted);
        Ok(Entered(now))
    }

    /// Whether something is being evaluated right now, or has begun and waits for what was put off.
    pub(crate) fn waits(&self, wanted: &Wanted) -> bool {
        self.waiting.now.borrow().contains(wanted)
            || self.waiting.later.borrow().iter().any(|it| it.waits && it.wanted == *wanted)
    }

    fn circle(&self, wanted: &Wanted) -> Fault {
        let (now, later) = (self.waiting.now.borrow(), self.waiting.later.borrow());
        // The first of those that wait now is the last of those that were put off.
        let before = later.iter().filter(|it| it.waits && now.first() != Some(&it.wanted));
        let all = before.map(|it| &it.wanted).chain(now.iter());
        let mut circle: Vec<String> =
            all.skip_while(|it| *it != wanted).chain([wanted]).map(ToString::to_string).collect();
        if let Some(end) = circle.len().checked_sub(NAMED_OF_A_CIRCLE).filter(|end| *end > NAMED_OF_A_CIRCLE)
        {
            circle.splice(NAMED_OF_A_CIRCLE..end, ["…".to_owned()]);
        }
        let message = format!("this needs itself: {}", circle.join(" -> "));
        Fault::new(message).help("give one of them a value that does not need the others")
    }

    /// Lets something be evaluated by itself before whoever asked for it is evaluated again.
    fn put_off(&self, wanted: Wanted) -> Fault {
        self.found.borrow_mut().halted = true;
        let mut later = self.waiting.later.borrow_mut();
        let fresh = later.iter().rev().take_while(|it| !it.waits).count();
        if fresh < MOST_PUT_OFF {
            later.push(PutOff { wanted, waits: false });
        }
        // As at a limit: whoever can do without a value cannot do without this one.
        Fault::limit("something else has to be evaluated first")
    }

    /// Whether what is being evaluated will be evaluated again, so that nothing of it counts.
    pub(crate) fn is_halted(&self) -> bool {
        self.found.borrow().halted
    }

    /// Keeps what has been evaluated, if it counts.
    ///
    /// # Errors
    /// It will be evaluated again.
    pub(crate) fn keep<'o, T>(&self, once: &'o OnceCell<T>, value: T) -> Result<&'o T, Fault> {
        if self.is_halted() {
            return Err(Fault::limit("this will be evaluated again"));
        }
        Ok(once.get_or_init(|| value))
    }

    /// Evaluates something with all that it needs, which it may have to be asked for several times.
    pub(crate) fn with_all<T>(&self, evaluate: impl Fn() -> T) -> T {
        let resumes = || std::mem::take(&mut self.found.borrow_mut().halted);
        loop {
            let value = evaluate();
            if !resumes() {
                return value;
            }
            while let Some(next) = self.next_put_off() {
                self.evaluate(&next);
                if !resumes() {
                    self.waiting.later.borrow_mut().pop();
                }
                // What costs too much has no value that could be kept, and would be asked for without end.
                if self.is_limited() {
                    self.waiting.later.borrow_mut().clear();
                    return value;
                }
            }
        }
    }

    fn next_put_off(&self) -> Option<Wanted> {
        let mut later = self.waiting.later.borrow_mut();
        let next = later.last_mut()?;
        next.waits = true;
        Some(next.wanted.clone())
    }

    /// Evaluates what has been put off. What is wrong with it, whoever asks for it again hears again; that it costs too much
    /// is said here.
    fn evaluate(&self, wanted: &Wanted) {
        let (Wanted::Parameter(number, _)
        | Wanted::Variable(number, _)
        | Wanted::Function(number, _)
        | Wanted::Resources(number, _)
        | Wanted::Resource(number, ..)
        | Wanted::Nested(number, ..)
        | Wanted::Outputs(number, _)) = wanted;
        let Some(deployment) = self.deployment(*number) else { return };
        let inside = Inside { all: self, deployment, loops: Rc::new([]), own: false };
        let instance = |nth: usize| inside.deployment.instances.get()?.get(nth);
        let fault = match wanted {
            Wanted::Parameter(_, name) => inside.own_parameter(name).err(),
            Wanted::Variable(_, name) => inside.own_variable(name).err(),
            Wanted::Function(..) => None,
            Wanted::Resources(..) => {
                inside.instances();
                None
            }
            Wanted::Resource(_, nth, _) => instance(*nth).and_then(|it| inside.body(it).err()),
            Wanted::Nested(_, nth, _) => {
                instance(*nth).map(|it| inside.nested(it));
                None
            }
            Wanted::Outputs(..) => inside.outputs().err(),
        };
        if let Some(fault) = fault.filter(Fault::is_limit) {
            self.report(fault.or_at(&inside.deployment.start.template.node().at), &Way::Root(""));
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(_, name) => write!(f, "parameters('{name}')"),
            Self::Variable(_, name) => write!(f, "variables('{name}')"),
            Self::Function(_, name) => write!(f, "{name}()"),
            Self::Resources(_, path) | Self::Resource(_, _, path) => f.write_str(path),
            Self::Nested(_, _, path) => write!(f, "the deployment of {path}"),
            Self::Outputs(_, path) => write!(f, "the outputs of {path}"),
        }
    }
}
