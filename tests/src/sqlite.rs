//! Databases of SQLite, looked into beside the service.

use std::path::Path;

use rusqlite::{Connection, Row, types::ValueRef};

/// The rows of a table in that file, in no order.
pub fn rows(file: &Path, table: &str) -> Vec<String> {
    let database = Connection::open(file).expect("the database opens");
    let mut query = database.prepare(&format!("SELECT * FROM {table}")).expect("there is such a table");
    let columns = query.column_count();
    let text = |row: &Row<'_>| {
        let values = (0..columns).map(|column| row.get_ref(column).map(shown));
        values.collect::<Result<Vec<_>, _>>().map(|values| values.join(", "))
    };
    let rows = query.query_map([], text).expect("the query is right");
    rows.collect::<Result<_, _>>().expect("every row is read")
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
        other => format!("{other:?}"),
    }
}
