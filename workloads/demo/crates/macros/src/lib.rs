//! A derive and a function-like macro: the compiler runs this crate, so its output is an input of others twice.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, LitInt, parse_macro_input};

/// Implements `Describe` with the type's name and the names of its fields.
#[proc_macro_derive(Describe)]
pub fn derive_describe(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let name = &input.ident;
    let fields: Vec<String> = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => {
                named.named.iter().filter_map(|f| Some(f.ident.as_ref()?.to_string())).collect()
            }
            other => (0..other.len()).map(|i| i.to_string()).collect(),
        },
        _ => Vec::new(),
    };
    let text = name.to_string();
    quote! {
        impl #name {
            /// The type's name and its fields.
            pub fn describe() -> (&'static str, &'static [&'static str]) {
                (#text, &[#(#fields),*])
            }
        }
    }
    .into()
}

/// `squares!(4)` is `[0, 1, 4, 9]`.
#[proc_macro]
pub fn squares(input: TokenStream) -> TokenStream {
    let count = parse_macro_input!(input as LitInt);
    let count: u64 = match count.base10_parse() {
        Ok(count) => count,
        Err(error) => return error.to_compile_error().into(),
    };
    let squares = (0..count).map(|n| n * n);
    quote! { [#(#squares),*] }.into()
}
