//! PEM texts as people paste them: line breaks as `\n`, as CRLF, as spaces, or missing.

use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer};
use secrecy::{ExposeSecret, SecretString};

use super::legacy_key;

/// Characters of base64 in one line of a PEM block (RFC 7468).
const LINE: usize = 64;

/// Why a PEM text cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// There is no certificate in it.
    #[error("holds no certificate (no `BEGIN CERTIFICATE`)")]
    NoCertificate,
    /// A block is not base64 of anything.
    #[error("holds a damaged {0}")]
    Damaged(&'static str),
    /// There is no key in it.
    #[error("holds no private key (no `BEGIN … PRIVATE KEY`)")]
    NoKey,
    /// The text is a path.
    #[error("seems to be the path of a file, and not the file's content")]
    Path,
    /// The key is encrypted and there is no password.
    #[error("is encrypted; give its password")]
    PasswordMissing,
    /// The key is encrypted, and not with this password.
    #[error("cannot be decrypted with the password")]
    PasswordWrong,
    /// The key is encrypted in a way that is not understood (PKCS#12 schemes, ciphers of long ago).
    #[error(
        "is encrypted in a way that is not supported; convert it with \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -in client_key.pem -out new_key.pem`"
    )]
    OldEncryption,
}

/// One `BEGIN … END` block: its label, and its lines without white space.
struct Block {
    label: String,
    base64: String,
    /// Cipher and initialisation vector of its RFC 1421 headers (`Proc-Type: 4,ENCRYPTED`).
    encryption: Option<(String, String)>,
}

/// All certificates of a text, in order.
pub(super) fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let mut certificates = Vec::new();
    for block in blocks(text) {
        if matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE") {
            let pem = block.to_pem("CERTIFICATE");
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
                .map_err(|_| PemError::Damaged("certificate"))?;
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(if looks_like_path(text) { PemError::Path } else { PemError::NoCertificate });
    }
    Ok(certificates)
}

/// The first private key of a text: PKCS#1, PKCS#8 or SEC1, encrypted or not.
pub(super) fn private_key(
    text: &SecretString,
    password: Option<&SecretString>,
) -> Result<PrivateKeyDer<'static>, PemError> {
    let text = text.expose_secret();
    let Some(block) = blocks(text).into_iter().find(|block| block.label.ends_with("PRIVATE KEY"))
    else {
        return Err(if looks_like_path(text) { PemError::Path } else { PemError::NoKey });
    };
    if let Some((cipher, iv)) = &block.encryption {
        let password = password.ok_or(PemError::PasswordMissing)?;
        return block.decrypt_traditional(cipher, iv, password);
    }
    if block.label != "ENCRYPTED PRIVATE KEY" {
        let pem = block.to_pem(&block.label);
        return PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| PemError::Damaged("private key"));
    }
    let Some(password) = password else {
        return Err(PemError::PasswordMissing);
    };
    let pem = block.to_pem(&block.label);
    let (_, document) =
        pkcs8::SecretDocument::from_pem(&pem).map_err(|_| PemError::Damaged("private key"))?;
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
        .map_err(|_| PemError::OldEncryption)?;
    if encrypted.encryption_algorithm.pbes2().is_none() {
        return Err(PemError::OldEncryption);
    }
    let key = encrypted.decrypt(password.expose_secret()).map_err(|_| PemError::PasswordWrong)?;
    Ok(PrivateKeyDer::Pkcs8(key.as_bytes().to_vec().into()))
}

impl Block {
    fn decrypt_traditional(
        &self,
        cipher: &str,
        iv: &str,
        password: &SecretString,
    ) -> Result<PrivateKeyDer<'static>, PemError> {
        let damaged = |_| PemError::Damaged("private key");
        // Only base64 is decoded here; what is in it is still encrypted.
        let pem = self.to_pem("RSA PRIVATE KEY");
        let encrypted = PrivatePkcs1KeyDer::from_pem_slice(pem.as_bytes()).map_err(damaged)?;
        let encrypted = encrypted.secret_pkcs1_der();
        let key = legacy_key::decrypt(cipher, iv, encrypted, password.expose_secret())?;
        match self.label.as_str() {
            "RSA PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs1(key.into())),
            "EC PRIVATE KEY" => Ok(PrivateKeyDer::Sec1(key.into())),
            "PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs8(key.into())),
            _ => Err(PemError::OldEncryption),
        }
    }

    /// The block in the form that parsers want.
    fn to_pem(&self, label: &str) -> String {
        let mut pem = format!("-----BEGIN {label}-----\n");
        for (index, character) in self.base64.chars().enumerate() {
            if index > 0 && index % LINE == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str(&format!("\n-----END {label}-----\n"));
        pem
    }
}

/// Finds the blocks of a text, whatever stands for its line breaks.
fn blocks(text: &str) -> Vec<Block> {
    let text = text.replace("\\r", "\n").replace("\\n", "\n");
    let mut blocks = Vec::new();
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, after)) = after.split_once("-----") else { break };
        let Some((body, after)) = after.split_once("-----END ") else { break };
        rest = after;
        let headers = legacy_key::split_headers(body);
        let (content, encryption) = match headers {
            Some((cipher, iv, content)) => (content, Some((cipher.to_owned(), iv.to_owned()))),
            None => (body, None),
        };
        blocks.push(Block {
            label: label.trim().to_owned(),
            base64: content.chars().filter(|character| !character.is_whitespace()).collect(),
            encryption,
        });
    }
    blocks
}

fn looks_like_path(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !text.contains('\n') && text.contains(['/', '\\', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has the form of a key and nothing else.
    const PKCS1: &str = "-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----\n";

    /// One key, encrypted by OpenSSL in three ways with the password `secret`.
    const AES: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjIRSFBxFwGQAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGfPLFPHvH2ldmIGiYaa7J8EgZDf
J0B7Ff87sdvP2hBL9BkXRgQALKxT9/km/544L8BpgITX9V6JLZYyc0lo59N+L2AR
vFpqXdOEfO6W+0IT1i212Mh8yyJKwsu85O4WA5Q3gGRqYhHFmQkG4TSP67Csf3G5
xdRrt1rpzyapgvta8XWbl9v8xCbLOWm6pFqPQlYl7FkcUeBmY5lUfXkAJBWwn28=
-----END ENCRYPTED PRIVATE KEY-----
";
    const DES3_SHA1: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHVMEAGCSqGSIb3DQEFDTAzMBsGCSqGSIb3DQEFDDAOBAiZQek3jh8UIAICCAAw
FAYIKoZIhvcNAwcECN4XEs+jNjWqBIGQ4LLbbgVhnKr8t9FMjHvAOVvjtmTu60qg
cd6z0E/LtBqB5ln2ft+OqLfNraRVpzEBWbltYBQAqVfEArJ7liElUX+AB9ElQmpi
mPrXyv0O5Msy3hX+m3dprIBo7L//UUGMSdBRWYxi9XQzAESGzVWD17flubz+fJP6
KxTQoLPd/0U3mBK4MzuDFrR8qlAXnc+x
-----END ENCRYPTED PRIVATE KEY-----
";
    const PKCS12_SCHEME: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGxMBwGCiqGSIb3DQEMAQMwDgQI2NKkx25fgzMCAggABIGQVmj+c3uzpwru2NVj
rIeKDf9ZNEsLGxFxOCkmG3JWJ9LorqMGhoT9m76DPLwKLixsnBv92aLuXbvn8uL2
/ljpXHf+aDnzTOXkG1cXL9SOZEDffEJWRluOj696eEFd8/Hxvrenv4y8RxFc2c5k
D+eYyS4yCM6LeIwDZnZpSkhGP0kBjlUni68TmrsvCL9r5ezF
-----END ENCRYPTED PRIVATE KEY-----
";
    const PLAIN: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSZsQWfQ/rFGEq4HK
Qvp9Lub09nKQYmvgeDvsVAPJcJ+hRANCAAQkyg+MXUmVttr+NghYoLpDkVEt8srp
HvVF+kXdH9nswLVNm7rsAtYBAOASshjrRU6xDYv7q/hU66f5hyQbEA5g
-----END PRIVATE KEY-----
";

    /// The same key as SEC1, and as OpenSSL encrypts it in its traditional way.
    const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIEmbEFn0P6xRhKuBykL6fS7m9PZykGJr4Hg77FQDyXCfoAoGCCqGSM49
AwEHoUQDQgAEJMoPjF1Jlbba/jYIWKC6Q5FRLfLK6R71RfpF3R/Z7MC1TZu67ALW
AQDgErIY60VOsQ2L+6v4VOun+YckGxAOYA==
-----END EC PRIVATE KEY-----
";
    const TRADITIONAL: [&str; 5] = [
        "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,6C202D1DC02FEAFFE09AFCC37C08CE52

xdA38zD0ZpS64bxKpsVkjuy/HkNDpeP9DPwjNhcd6l/9NPgZXa3y6MbNdQ0Q9zMk
y4BrsC626j8lACwe4RQrmZmXLoav4SUc7rzh12/njTV9anvVQzDMntgkYwbJr08v
MSLig8BTfdhiPewpLn65z6h2cidO9+VTzPQabRBpyjU=
-----END EC PRIVATE KEY-----
",
        "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-192-CBC,DFD8A7B846A823DCBCB4DF714FC6877C

pBEhYoBI1maekQQJkmiRTyCogJuPOvwohjTYI6M/2QmkAV5u3aiAnHa008vR9Rfq
lPcYRZKwtBQ929OeRi8qdI8V41P8chEqQnCOPoQ0Q7r3DJ4vHJCZ3ZpZ0+GWcGHB
WuKdVYyt6XlBVsedYm9B+eW6Btvv4YpzHVTmFIskAfo=
-----END EC PRIVATE KEY-----
",
        "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,89D9AE6E73388D6339DCD3AD626C6BC0

bxABzQrwIqqPOABsKr/WhX9o2hTEmL+m70bTBEB4xruiS/uE6FxKjHs02AwJ9/Xy
UEbzMdt4h+xgrTKsAy/ppPV7AHez85fhwjRdxquGWFkxzkJsru0QoQnl+0svGpxh
1AUHLsnZ35E5DMzulH3+Iu7mCQA0UMH7xAp9gYCsi70=
-----END EC PRIVATE KEY-----
",
        "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: DES-EDE3-CBC,B8A821C772DA3C57

lFdsR/ud5PwFS2yVEZgkwhpeYhYAZ/ywV44wzTEtDB3AGi59lhg8BSGR5038Hv/Y
2ajTjt/n0204Y3Da0FCxa26XqJB7BXN2/qUoQ71erJBpdGk7Ro3ej+zgDLyDpvpj
KO+3Wif3WSVlcggjtzNGPkAhLaQAEIVoi5X5jd5kODo=
-----END EC PRIVATE KEY-----
",
        "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: DES-CBC,AD2E6D81973D71A4

aIt1sZ5mdjaUCVTRoDSGx86vtUQ6cQeyR+gCLJs5optqn0119G9anYqRpVyh2NWd
Pm1Jr8Bqn9t297CzDN/WYo50Ub6p9nbNYutNQBfhiu2RvH8u5CexuY/Vv4xeTJf9
+r7TXiTamWEAlE/uKWJYPcCDy6sbSLMXzEWaXDv78/Y=
-----END EC PRIVATE KEY-----
",
    ];
    const CAMELLIA: &str = "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: CAMELLIA-256-CBC,2430F45C65AF74D1529C9CA48D9593DF

gnURez4p271h18YbG68960tCF1s21nkQFnNdX+fkSuHgbx4xOTRvJ8KA8/ObqDQg
zqEZNCvojBcgiwnbxtnc8e3y9gbEG73rdmxErK35j+gDQRevxckkunKn8wcUIQAX
Lw7s7Iish05gpNrDTJNjELgpOW+rKnwGcjH22WxRRKE=
-----END EC PRIVATE KEY-----
";

    #[test]
    fn traditionally_encrypted_keys_need_their_password() {
        let plain = private_key(&SEC1.into(), None).unwrap();
        let (right, wrong) = (SecretString::from("secret"), SecretString::from("public"));
        for encrypted in TRADITIONAL {
            check_forms(encrypted, |text| {
                private_key(&text.into(), Some(&right)).is_ok_and(|key| key == plain)
            });
            let read = |password| private_key(&encrypted.into(), password);
            assert_eq!(read(Some(&wrong)), Err(PemError::PasswordWrong));
            assert_eq!(read(None), Err(PemError::PasswordMissing));
        }
        assert_eq!(private_key(&CAMELLIA.into(), Some(&right)), Err(PemError::OldEncryption));
    }

    #[test]
    fn encrypted_keys_need_their_password() {
        let plain = private_key(&PLAIN.into(), None).unwrap();
        let (right, wrong) = (SecretString::from("secret"), SecretString::from("public"));
        for encrypted in [AES, DES3_SHA1] {
            check_forms(encrypted, |text| {
                private_key(&text.into(), Some(&right)).is_ok_and(|key| key == plain)
            });
            let read = |password| private_key(&encrypted.into(), password);
            assert_eq!(read(Some(&wrong)), Err(PemError::PasswordWrong));
            assert_eq!(read(None), Err(PemError::PasswordMissing));
        }
        assert_eq!(private_key(&PKCS12_SCHEME.into(), Some(&right)), Err(PemError::OldEncryption));
    }

    fn check_forms(pem: &str, read: impl Fn(&str) -> bool) {
        assert!(read(pem), "as it is");
        assert!(read(&pem.replace('\n', "\r\n")), "with CRLF");
        assert!(read(&pem.replace('\n', "\\n")), "with a literal \\n");
        assert!(read(&pem.replace('\n', "\\r\\n")), "with a literal \\r\\n");
        assert!(read(&pem.replace('\n', " ")), "in one line");
        assert!(read(&format!("Bag Attributes\n  friendlyName: x\n{pem}")), "with a preamble");
        assert!(read(&format!("   {}", pem.replace('\n', "\n   "))), "indented");
    }

    #[test]
    fn certificates_in_every_form() {
        let made = rcgen::generate_simple_self_signed(vec!["qlik".to_owned()]).unwrap();
        let pem = made.cert.pem();
        check_forms(&pem, |text| {
            certificates(text).is_ok_and(|found| found == [made.cert.der().clone()])
        });
        assert_eq!(certificates(&format!("{pem}{pem}")).map(|found| found.len()), Ok(2));
    }

    #[test]
    fn keys_in_every_form() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        check_forms(&key, |text| {
            matches!(private_key(&text.into(), None), Ok(PrivateKeyDer::Pkcs8(_)))
        });
        check_forms(PKCS1, |text| {
            matches!(private_key(&text.into(), None), Ok(PrivateKeyDer::Pkcs1(_)))
        });
    }

    #[test]
    fn what_is_missing_is_named() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert_eq!(certificates(""), Err(PemError::NoCertificate));
        assert_eq!(certificates(&key), Err(PemError::NoCertificate));
        assert_eq!(certificates("/etc/qlik/client.pem"), Err(PemError::Path));
        let damaged = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----";
        assert_eq!(certificates(damaged), Err(PemError::Damaged("certificate")));
        for (text, error) in [
            ("", PemError::NoKey),
            ("C:\\certs\\client_key.pem", PemError::Path),
            (
                "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----",
                PemError::Damaged("private key"),
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\
                 \nMAA=\n-----END RSA PRIVATE KEY-----",
                PemError::PasswordMissing,
            ),
        ] {
            assert_eq!(private_key(&text.into(), None), Err(error), "{text}");
        }
    }
}
