//! Private keys that OpenSSL encrypted in its traditional way: RFC 1421 headers (`Proc-Type:
//! 4,ENCRYPTED`, `DEK-Info: AES-256-CBC,<initialisation vector>`) and a key made of the password with
//! MD5. Qlik's console and many scripts still write such files.

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use des::{Des, TdesEde3};
use md5::{Digest, Md5};

use super::pem::PemError;

/// Bytes of the initialisation vector that salt the password.
const SALT: usize = 8;

/// Parts of a block with headers: cipher and initialisation vector, and the base64 after them.
/// `None` when they are not those of an encrypted key.
pub(super) fn split_headers(body: &str) -> Option<(&str, &str, &str)> {
    let (_, after) = body.split_once("DEK-Info:")?;
    let after = after.trim_start();
    let end = after.find(char::is_whitespace)?;
    let (info, base64) = after.split_at_checked(end)?;
    let (cipher, iv) = info.split_once(',')?;
    Some((cipher, iv, base64))
}

/// Decrypts the content of a block.
///
/// # Errors
/// The cipher is not one of AES and DES in CBC mode, or the password is another one.
pub(super) fn decrypt(
    cipher: &str,
    iv: &str,
    encrypted: &[u8],
    password: &str,
) -> Result<Vec<u8>, PemError> {
    let iv = hex(iv).ok_or(PemError::Damaged("private key"))?;
    let salt = iv.get(..SALT).ok_or(PemError::Damaged("private key"))?;
    let key = |bytes| key_of(password, salt, bytes);
    let decrypted = match cipher.to_ascii_uppercase().as_str() {
        "AES-128-CBC" => cbc_decrypt::<Decryptor<Aes128>>(&key(16), &iv, encrypted),
        "AES-192-CBC" => cbc_decrypt::<Decryptor<Aes192>>(&key(24), &iv, encrypted),
        "AES-256-CBC" => cbc_decrypt::<Decryptor<Aes256>>(&key(32), &iv, encrypted),
        "DES-EDE3-CBC" => cbc_decrypt::<Decryptor<TdesEde3>>(&key(24), &iv, encrypted),
        "DES-CBC" => cbc_decrypt::<Decryptor<Des>>(&key(8), &iv, encrypted),
        _ => return Err(PemError::OldEncryption),
    };
    let decrypted = decrypted.ok_or(PemError::PasswordWrong)?;
    // The padding of a wrong password is right once in 256 times; a key is one whole DER sequence.
    if is_der_sequence(&decrypted) { Ok(decrypted) } else { Err(PemError::PasswordWrong) }
}

fn cbc_decrypt<C: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    iv: &[u8],
    encrypted: &[u8],
) -> Option<Vec<u8>> {
    C::new_from_slices(key, iv).ok()?.decrypt_padded_vec::<Pkcs7>(encrypted).ok()
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round.
fn key_of(password: &str, salt: &[u8], bytes: usize) -> Vec<u8> {
    let mut key = Vec::new();
    let mut last = Vec::new();
    while key.len() < bytes {
        let digest = Md5::new().chain_update(&last).chain_update(password).chain_update(salt);
        last = digest.finalize().to_vec();
        key.extend_from_slice(&last);
    }
    key.truncate(bytes);
    key
}

fn is_der_sequence(bytes: &[u8]) -> bool {
    let (Some(0x30), Some(&first), Some(rest)) = (bytes.first(), bytes.get(1), bytes.get(2..))
    else {
        return false;
    };
    if first < 0x80 {
        return rest.len() == usize::from(first);
    }
    let count = usize::from(first & 0x7f);
    let Some((length, content)) = rest.split_at_checked(count).filter(|_| count <= 4) else {
        return false;
    };
    length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) == content.len()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect()
}
