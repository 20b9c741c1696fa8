//! Lists come in pages. A token says where the next page begins; it is opaque, and only good for the list it came from.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::fields::Fields;

/// Items on a page unless asked otherwise.
const PAGE_SIZE_DEFAULT: i64 = 50;
/// Items on a page at most.
pub(super) const PAGE_SIZE_MAX: i64 = 500;
/// A token longer than this is not ours, in characters.
const TOKEN_CHARS_MAX: usize = 1_024;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Ask with this for the next page; null on the last.
    pub next_page_token: Option<String>,
}

/// Which page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents query parameters")]
pub(super) struct ListParams {
    /// Items on a page; default 50.
    #[param(minimum = 1, maximum = 500)]
    page_size: Option<i64>,
    /// What the page before said in `next_page_token`.
    page_token: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Token {
    list: String,
    after: String,
}

/// Which page of which list.
#[derive(Debug, Clone)]
pub(super) struct Paging {
    list: String,
    pub(super) size: i64,
    /// The sort key of the last item of the page before.
    pub(super) after: Option<String>,
}

impl Paging {
    /// Reads `page_size` and `page_token`. `list` names the list and whatever filters it.
    pub(super) fn read(fields: &mut Fields, list: &str) -> Self {
        let size = fields.integer("page_size", 1..=PAGE_SIZE_MAX).unwrap_or(PAGE_SIZE_DEFAULT);
        let rule = "is not a token of this list: leave it out to begin at the first page";
        let text = fields.text("page_token", |text| after(text, list).is_some(), rule);
        Self { list: list.to_owned(), size, after: text.and_then(|text| after(&text, list)) }
    }

    /// How many rows to ask the store for: one more than the page holds tells whether there is another.
    pub(super) const fn limit(&self) -> i64 {
        self.size + 1
    }

    /// The page of these rows, of which there may be one more than fits.
    pub(super) fn page<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let last = rows.last().filter(|_| more);
        let next_page_token = last.map(|last| {
            let token = Token { list: self.list.clone(), after: key(last) };
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
        });
        Page { items: rows, next_page_token }
    }

    /// The page of a list that is in memory as a whole and sorted by `key`.
    pub(super) fn page_of_all<T>(
        &self,
        rows: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> Page<T> {
        let begins = |row: &T| self.after.as_ref().is_none_or(|after| key(row) > *after);
        let limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        self.page(rows.into_iter().filter(begins).take(limit).collect(), key)
    }
}

fn after(text: &str, list: &str) -> Option<String> {
    if text.len() > TOKEN_CHARS_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let token: Token = serde_json::from_slice(&bytes).ok()?;
    (token.list == list).then_some(token.after)
}

#[cfg(test)]
mod tests {
    use super::{Fields, Paging};

    fn paging(token: Option<&str>, list: &str) -> (Paging, Fields) {
        let mut pairs = vec![("page_size".to_owned(), "2".to_owned())];
        pairs.extend(token.map(|token| ("page_token".to_owned(), token.to_owned())));
        let mut fields = Fields::of_query(pairs);
        (Paging::read(&mut fields, list), fields)
    }

    #[test]
    fn pages_follow_each_other_and_end() {
        let rows = ["a", "b", "c", "d", "e"];
        let mut token = None;
        let mut seen = Vec::new();
        for expected in [2, 2, 1] {
            let (paging, fields) = paging(token.as_deref(), "letters");
            fields.finish().expect("valid");
            let page = paging.page_of_all(rows, |row| (*row).to_owned());
            assert_eq!(page.items.len(), expected);
            seen.extend(page.items);
            token = page.next_page_token;
        }
        assert_eq!((seen, token), (rows.to_vec(), None));
    }

    #[test]
    fn a_token_of_another_list_or_none_at_all_is_refused() {
        let page = paging(None, "letters").0.page_of_all(["a", "b", "c"], |row| (*row).to_owned());
        for (token, list) in [(page.next_page_token.as_deref(), "numbers"), (Some("garbage"), "letters")] {
            let problem = paging(token, list).1.finish().expect_err("refused");
            assert_eq!(problem.errors[0].field, "page_token");
        }
    }
}
