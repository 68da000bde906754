//! What a crew serves: which text of which hook, and what each function declares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use osp_core::model::{Callable, HookName};

use crate::id::Revision;
use crate::question::Input;
use crate::wire::{Declaration, Declared};

/// One text of one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) id: HookName,
    pub(crate) revision: Revision,
    /// For tracebacks.
    pub(crate) path: String,
    pub(crate) text: Arc<str>,
}

/// A text that has loaded once, and what it declared then.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) text: Text,
    pub(crate) declaration: Declaration,
    functions: BTreeMap<Callable, Vec<Input>>,
}

impl Planned {
    /// # Errors
    /// Inputs that there are not: the declaration does not come from the SDK's rules.
    pub(crate) fn new(text: Text, declaration: Declaration) -> Result<Self, Refusal> {
        let function = |Declared { callable, inputs }: &Declared| {
            let inputs = inputs.iter().map(|input| Input::parse(input)).collect::<Option<Vec<_>>>()?;
            Some((*callable, inputs))
        };
        let functions = declaration.iter().map(function).collect::<Option<_>>();
        let functions = functions.ok_or_else(|| Refusal::new("declares inputs that there are not".to_owned()))?;
        Ok(Self { text, declaration, functions })
    }

    /// The functions that it defines.
    pub(crate) fn callables(&self) -> Vec<Callable> {
        self.functions.keys().copied().collect()
    }

    pub(crate) fn inputs(&self, callable: Callable) -> Option<&[Input]> {
        self.functions.get(&callable).map(Vec::as_slice)
    }
}

/// All hooks of a crew, by name. Workers load them in this order, so a hook's place is its number on the wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) hooks: Vec<Planned>,
}

impl Plan {
    /// A hook with its number.
    pub(crate) fn find(&self, id: &HookName) -> Option<(u32, &Planned)> {
        let at = self.hooks.iter().position(|hook| hook.text.id == *id)?;
        Some((u32::try_from(at).ok()?, self.hooks.get(at)?))
    }

    /// Another crew is worth hiring. It is not when all texts are the same; nor when a hook that is in force would be lost
    /// because its text does not load any more: then the crew that has it is kept, unless that has a hook whose file has
    /// gone, which must not answer any longer.
    pub(crate) fn is_replaced_by(&self, new: &Self, wanted: &[Vec<Text>]) -> bool {
        let is_wanted = |hook: &Planned| wanted.iter().flatten().any(|text| text.id == hook.text.id);
        let texts = |plan: &Self| plan.hooks.iter().map(|hook| hook.text.revision).collect::<Vec<_>>();
        let has_gone = self.hooks.iter().any(|hook| !is_wanted(hook));
        let is_lost = self.hooks.iter().any(|hook| is_wanted(hook) && new.find(&hook.text.id).is_none());
        texts(self) != texts(new) && (has_gone || !is_lost)
    }

    /// The name of a hook, for the log.
    pub(crate) fn name(&self, hook: Option<u32>) -> &str {
        let at = hook.and_then(|hook| usize::try_from(hook).ok());
        at.and_then(|at| self.hooks.get(at)).map_or("", |hook| hook.text.id.as_str())
    }
}

/// Why texts do not load.
pub(crate) type Refusals = BTreeMap<Revision, Refusal>;

/// Why a text does not load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) why: String,
    /// It took too long, which may be the machine's fault.
    pub(crate) is_late: bool,
}

impl Refusal {
    pub(crate) fn new(why: String) -> Self {
        Self { why, is_late: false }
    }

    pub(crate) fn late(within: Duration) -> Self {
        Self { why: format!("does not load within {} s", within.as_secs_f32()), is_late: true }
    }
}
