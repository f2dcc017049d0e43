//! What the control plane does: the operations of BMv2's runtime API, as methods of [`Engine`](super::Engine).

mod arrays;
mod learn;
mod meters;
mod profiles;
mod sets;
mod table;

pub use arrays::ArrayError;
pub use profiles::{Group, Member};
pub use table::TableInfo;
