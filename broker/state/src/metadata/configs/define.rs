//! What a configuration's definition says.

/// The type of a value, with Kafka's numbers in DescribeConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

impl Kind {
    pub fn wire(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// As Kafka names it in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// What a value must obey beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Check {
    Anything,
    AtLeast(i64),
    Between(i64, i64),
    Fraction,
    OneOf(&'static [&'static str]),
    /// Every element of a list is one of these, none twice; the list is not empty.
    ListOf(&'static [&'static str]),
    /// `partition:broker` pairs, or `*`, or nothing.
    ThrottledReplicas,
    NotEmpty,
}

/// Whether and how a broker configuration can change while the broker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only in the broker's file, at its start.
    ReadOnly,
    /// For one broker or for all.
    PerBroker,
    /// For all brokers at once.
    ClusterWide,
}

/// The broker configuration that a topic's takes its default from. Its value times `scale` is the topic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synonym {
    pub name: &'static str,
    pub scale: i64,
}

/// One configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigDef {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Option<&'static str>,
    pub check: Check,
    /// Of a topic's configuration: where its default comes from, the first that is set counts.
    pub synonyms: &'static [Synonym],
    /// Of a broker's configuration.
    pub scope: Scope,
    pub doc: &'static str,
}

impl ConfigDef {
    /// Its value is never shown.
    pub fn is_sensitive(&self) -> bool {
        self.kind == Kind::Password
    }

    pub(super) const fn check(self, check: Check) -> Self {
        Self { check, ..self }
    }

    pub(super) const fn at_least(self, min: i64) -> Self {
        self.check(Check::AtLeast(min))
    }

    pub(super) const fn like(self, synonyms: &'static [Synonym]) -> Self {
        Self { synonyms, ..self }
    }

    pub(super) const fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    pub(super) const fn per_broker(self) -> Self {
        self.scope(Scope::PerBroker)
    }

    pub(super) const fn cluster_wide(self) -> Self {
        self.scope(Scope::ClusterWide)
    }
}

pub(super) const fn def(
    kind: Kind,
    name: &'static str,
    default: Option<&'static str>,
    doc: &'static str,
) -> ConfigDef {
    ConfigDef { name, kind, default, check: Check::Anything, synonyms: &[], scope: Scope::ReadOnly, doc }
}

pub(super) const fn boolean(name: &'static str, default: &'static str, doc: &'static str) -> ConfigDef {
    def(Kind::Boolean, name, Some(default), doc)
}

pub(super) const fn int(name: &'static str, default: &'static str, doc: &'static str) -> ConfigDef {
    def(Kind::Int, name, Some(default), doc)
}

pub(super) const fn long(name: &'static str, default: &'static str, doc: &'static str) -> ConfigDef {
    def(Kind::Long, name, Some(default), doc)
}

pub(super) const fn string(name: &'static str, default: &'static str, doc: &'static str) -> ConfigDef {
    def(Kind::String, name, Some(default), doc)
}

pub(super) const fn list(name: &'static str, default: &'static str, doc: &'static str) -> ConfigDef {
    def(Kind::List, name, Some(default), doc)
}

/// A synonym with the same unit.
pub(super) const fn same(name: &'static str) -> Synonym {
    Synonym { name, scale: 1 }
}

pub(super) const fn minutes(name: &'static str) -> Synonym {
    Synonym { name, scale: 60_000 }
}

pub(super) const fn hours(name: &'static str) -> Synonym {
    Synonym { name, scale: 3_600_000 }
}
