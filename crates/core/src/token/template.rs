use std::collections::BTreeMap;
use std::str::FromStr;

use super::Claims;

/// What a template can stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placeholder {
    /// `{session.id}`: the session's id, `ses_…`.
    SessionId,
    /// `{user.email}`: the e-mail address.
    UserEmail,
    /// `{user.id}`: the user's id, `usr_…`.
    UserId,
    /// `{user.role}`: the default role.
    UserRole,
    /// `{user.username}`: the user name.
    UserUsername,
    /// `{user.uuid}`: the user's id in the form of a UUID.
    UserUuid,
}

impl Placeholder {
    /// Every placeholder.
    pub const ALL: &'static [Self] =
        &[Self::SessionId, Self::UserEmail, Self::UserId, Self::UserRole, Self::UserUsername, Self::UserUuid];

    /// The name between the braces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SessionId => "session.id",
            Self::UserEmail => "user.email",
            Self::UserId => "user.id",
            Self::UserRole => "user.role",
            Self::UserUsername => "user.username",
            Self::UserUuid => "user.uuid",
        }
    }
}

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A `{` or `}` without its other half; `{{` and `}}` stand for the characters themselves.
    #[error("a brace without its other half; write {{{{ or }}}} for the character itself")]
    Brace,
    /// No such placeholder.
    #[error("there is no placeholder {{{0}}}")]
    Placeholder(String),
}

/// A claim's value with placeholders: `org-{user.id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Placeholder),
}

impl Template {
    /// The claim's value; `None` if `value` has none for one of the placeholders.
    pub fn render(&self, value: &dyn Fn(Placeholder) -> Option<String>) -> Option<String> {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Slot(placeholder) => value(*placeholder),
        };
        self.0.iter().map(piece).collect()
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            pieces.push(Piece::Text(before.to_owned()));
            rest = if let Some(after) = brace.strip_prefix("{{") {
                pieces.push(Piece::Text("{".to_owned()));
                after
            } else if let Some(after) = brace.strip_prefix("}}") {
                pieces.push(Piece::Text("}".to_owned()));
                after
            } else {
                let (name, after) = brace
                    .strip_prefix('{')
                    .and_then(|slot| slot.split_once('}'))
                    .ok_or(TemplateError::Brace)?;
                let placeholder = Placeholder::ALL.iter().find(|placeholder| placeholder.name() == name);
                pieces.push(Piece::Slot(
                    *placeholder.ok_or_else(|| TemplateError::Placeholder(name.to_owned()))?,
                ));
                after
            };
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }
}

/// The claims that the operator adds, by name: those called `x-hasura-…` become session variables, all others
/// stand at the top level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimTemplates(BTreeMap<String, Template>);

impl ClaimTemplates {
    /// What PostgREST needs: the default role as the claim `role`.
    #[must_use]
    pub fn with_postgrest(mut self) -> Self {
        self.0.insert("role".to_owned(), Template(vec![Piece::Slot(Placeholder::UserRole)]));
        self
    }

    /// Adds the claims to those of a token; a claim that lacks a value is left out.
    pub fn apply(&self, claims: &mut Claims, value: &dyn Fn(Placeholder) -> Option<String>) {
        for (name, template) in &self.0 {
            let Some(text) = template.render(value) else {
                continue;
            };
            if name.starts_with("x-hasura-") {
                claims.hasura.custom.insert(name.into(), text.into());
            } else {
                claims.extra.insert(name.clone(), text.into());
            }
        }
    }
}

impl FromIterator<(String, Template)> for ClaimTemplates {
    fn from_iter<I: IntoIterator<Item = (String, Template)>>(templates: I) -> Self {
        Self(templates.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str) -> Result<Option<String>, TemplateError> {
        let value = |placeholder| match placeholder {
            Placeholder::UserEmail => None,
            other => Some(format!("<{}>", other.name())),
        };
        text.parse().map(|template: Template| template.render(&value))
    }

    #[test]
    fn text_and_placeholders() {
        for (text, rendered) in [
            ("", ""),
            ("plain", "plain"),
            ("{user.id}", "<user.id>"),
            ("a{user.id}b{session.id}c", "a<user.id>b<session.id>c"),
            ("{user.uuid}{user.username}{user.role}", "<user.uuid><user.username><user.role>"),
            ("{{user.id}}", "{user.id}"),
            ("{{{user.id}}}", "{<user.id>}"),
        ] {
            assert_eq!(render(text), Ok(Some(rendered.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_claim_without_a_value_is_left_out() {
        assert_eq!(render("mail:{user.email}"), Ok(None));
    }

    #[test]
    fn faults_are_found_when_parsed() {
        for text in ["{", "}", "a{user.id", "a}b", "{user.id}}", "{{user.id}"] {
            assert_eq!(render(text), Err(TemplateError::Brace), "{text}");
        }
        for name in ["", "user", "user.password", "User.id", " user.id", "user.id{"] {
            assert_eq!(render(&format!("{{{name}}}")), Err(TemplateError::Placeholder(name.to_owned())));
        }
        assert_eq!(TemplateError::Placeholder("x".to_owned()).to_string(), "there is no placeholder {x}");
    }
}
