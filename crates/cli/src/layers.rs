//! The layers of a configuration: flags and environment over a TOML file over the defaults. One judge of the forms
//! of values, for every command that has settings.

use std::fmt;
use std::fs;
use std::path::Path;

use clap::Command;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Every fault of a configuration, a line each.
#[derive(Debug)]
pub(crate) struct Faults(Vec<String>);

impl From<Vec<String>> for Faults {
    fn from(faults: Vec<String>) -> Self {
        Self(faults)
    }
}

impl Faults {
    /// Nothing, if there is no fault here, and none in `more`.
    pub(crate) fn and(mut self, more: Option<Vec<String>>) -> Result<(), Self> {
        self.0.extend(more.unwrap_or_default());
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not right:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {}", fault.trim_end().replace('\n', "\n  ")))
    }
}

impl std::error::Error for Faults {}

/// What file and flags say, before it is known whether it means anything.
pub(crate) struct Layers {
    pub(crate) table: Table,
    pub(crate) faults: Vec<String>,
}

impl Layers {
    /// The layers of a file and of flags.
    pub(crate) fn of(file: Option<&Path>, flags: &impl Serialize) -> anyhow::Result<Self> {
        Self::read(file, flags, false)
    }

    /// The same where settings may be secrets: no fault shows what a line of the file says.
    pub(crate) fn of_secrets(file: Option<&Path>, flags: &impl Serialize) -> anyhow::Result<Self> {
        Self::read(file, flags, true)
    }

    fn read(file: Option<&Path>, flags: &impl Serialize, secrets: bool) -> anyhow::Result<Self> {
        let read = file.map_or_else(|| Ok(Table::new()), |file| read(file, secrets));
        let (mut table, faults) = match read {
            Ok(table) => (table, Vec::new()),
            Err(fault) => (Table::new(), vec![fault]),
        };
        table.extend(Table::try_from(flags)?);
        Ok(Self { table, faults })
    }

    /// The configuration that they make, with defaults in the place of what is refused, and what that is. Names in
    /// `optional` are settings that the default configuration leaves out.
    pub(crate) fn settle<C: Default + Serialize + DeserializeOwned>(
        self,
        optional: &[&str],
    ) -> anyhow::Result<(C, Faults)> {
        let Self { table, mut faults } = self;
        let defaults = Table::try_from(C::default())?;
        let mut good = Table::new();
        for (name, value) in table {
            let known = defaults.contains_key(&name) || optional.contains(&name.as_str());
            let judged = if known {
                setting::<C>(&name, value, &defaults)
            } else {
                Err("there is no such setting".into())
            };
            match judged {
                Ok(value) => drop(good.insert(name, value)),
                Err(fault) => faults.push(format!("{name}: {fault}")),
            }
        }
        Ok((C::deserialize(good)?, Faults(faults)))
    }
}

fn read(path: &Path, secrets: bool) -> Result<Table, String> {
    let fault = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| fault(&error))?;
    text.parse().map_err(|error: toml::de::Error| {
        // The whole of it shows the line, and that of a URL may hold a password.
        if secrets || error.to_string().contains("://") { fault(&error.message()) } else { fault(&error) }
    })
}

/// Judges one setting alone. Text stands for a switch or a number where the setting is one.
fn setting<C: DeserializeOwned>(name: &str, value: Value, defaults: &Table) -> Result<Value, String> {
    let default = defaults.get(name);
    let value = match (default, value) {
        (Some(Value::Boolean(_)), Value::String(text)) => Value::Boolean(switch(&text)?),
        (Some(Value::Integer(_)), Value::String(text)) => {
            Value::Integer(text.parse().map_err(|_| format!("`{text}` is not a whole number"))?)
        }
        // So that a duration without its unit is told what is missing.
        (Some(Value::String(_)), Value::Integer(number)) => Value::String(number.to_string()),
        (_, value) => value,
    };
    let alone = Table::from_iter([(name.to_owned(), value.clone())]);
    C::deserialize(alone).map(|_| value).map_err(|error| error.message().trim().to_owned())
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err(format!("`{text}` is neither on nor off")),
    }
}

/// Adds to each flag's help the default of its setting, which only the configuration knows.
pub(crate) fn show_defaults<C: Default + Serialize>(command: Command) -> Command {
    let defaults = Table::try_from(C::default()).unwrap_or_default();
    command.mut_args(|arg| match (arg.get_help(), defaults.get(arg.get_id().as_str()).and_then(shown)) {
        (Some(help), Some(default)) => {
            let help = format!("{help} [default: {default}]");
            arg.help(help).hide_env(true)
        }
        _ => arg.hide_env(true),
    })
}

/// A setting's value as a flag takes it, if there is anything to show.
pub(crate) fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Boolean(on) => (if *on { "on" } else { "off" }).to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(shown).collect::<Vec<_>>().join(","),
        Value::Table(_) => String::new(),
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

/// The names of a command's flags and of a configuration's settings, which are the same.
#[cfg(test)]
pub(crate) fn names<C: Default + Serialize>(
    command: &Command,
    optional: &[&str],
) -> (Vec<String>, Vec<String>) {
    let mut flags: Vec<_> = command.get_arguments().map(|arg| arg.get_id().as_str().to_owned()).collect();
    flags.retain(|flag| !["config", "help"].contains(&flag.as_str()));
    let mut settings: Vec<_> = Table::try_from(C::default()).unwrap().keys().cloned().collect();
    settings.extend(optional.iter().map(|name| (*name).to_owned()));
    flags.sort_unstable();
    settings.sort_unstable();
    (flags, settings)
}
