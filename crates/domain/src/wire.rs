//! Enumerations whose names go over the wire, into tables and onto the command line, spelled once.

/// The text is none of an enumeration's names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {text:?}; one of: {known}")]
pub struct UnknownName {
    /// What was wanted.
    pub kind: &'static str,
    /// What was given.
    pub text: String,
    /// The names that exist, separated by commas.
    pub known: String,
}

/// Declares an enumeration with its wire names, `ALL`, `as_str`, `Display`, `FromStr`, serde and JSON Schema.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $vis:vis enum $name:ident ($kind:literal) { $($(#[$vdoc:meta])* $variant:ident = $wire:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        $vis enum $name { $($(#[$vdoc])* #[serde(rename = $wire)] $variant,)* }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire and in tables.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::wire::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or_else(|| $crate::wire::UnknownName {
                    kind: $kind,
                    text: text.to_owned(),
                    known: Self::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

pub(crate) use wire_enum;
