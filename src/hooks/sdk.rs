//! The SDK's source, which hooks import without having it installed. The interpreter runs the same files as `pip` installs.

/// Modules in the order in which they are run, with their texts. The package itself is the last: it imports the others.
pub(crate) const MODULES: [(&str, &str); 6] = [
    ("osp_hooks._types", include_str!("../../python-hooks/src/osp_hooks/_types.py")),
    ("osp_hooks._rules", include_str!("../../python-hooks/src/osp_hooks/_rules.py")),
    ("osp_hooks._inputs", include_str!("../../python-hooks/src/osp_hooks/_inputs.py")),
    ("osp_hooks._engine", include_str!("../../python-hooks/src/osp_hooks/_engine.py")),
    ("osp_hooks._simulate", include_str!("../../python-hooks/src/osp_hooks/_simulate.py")),
    ("osp_hooks", include_str!("../../python-hooks/src/osp_hooks/__init__.py")),
];
