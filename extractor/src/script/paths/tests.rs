use super::*;
use serde_json::json;

fn known() -> Connections {
    Connections::from_reply(&json!({"qConnections": [
        {"qName": "QVDs", "qType": "folder", "qConnectionString": "D:\\QlikData\\QVD\\"},
        {"qName": "Sales (CORP_anna)", "qType": "folder", "qConnectionString": "d:\\qlikdata"},
        {"qName": "Share", "qType": "folder", "qConnectionString": "\\\\srv\\data"},
        {"qName": "Linux", "qType": "folder", "qConnectionString": "/data/Qlik"},
        {"qName": "Finance:DataFiles", "qType": "qix-datafiles.exe",
         "qConnectionString": "CUSTOM CONNECT TO \"provider=qix-datafiles.exe;path=finance:datafiles;\""},
        {"qName": "DB", "qType": "OLEDB", "qConnectionString": "OLEDB CONNECT TO [Provider=x;]"},
        {"no": "name"}, 5
    ]}))
}

fn check(path: &str, directory: Option<&str>, expected: &str) {
    assert_eq!(known().normalise(&below(directory, path)).path, expected, "{path}");
}

#[test]
fn two_connections_to_one_folder_meet() {
    check("lib://QVDs/Sales.qvd", None, "d:/qlikdata/qvd/sales.qvd");
    check("lib://Sales (CORP_anna)/QVD\\sales.QVD", None, "d:/qlikdata/qvd/sales.qvd");
    check("lib://Sales/qvd/../QVD/./sales.qvd", None, "d:/qlikdata/qvd/sales.qvd");
    check("lib://qvds (OTHER_bob)/sales.qvd", None, "d:/qlikdata/qvd/sales.qvd");
    check("D:\\QlikData\\QVD\\Sales.qvd", None, "d:/qlikdata/qvd/sales.qvd");
    check("file:///D:/QlikData/QVD/Sales.qvd", None, "d:/qlikdata/qvd/sales.qvd");
    check("lib://Share/x/Y.qvd", None, "//srv/data/x/y.qvd");
    check("\\\\SRV\\Data\\x\\y.qvd", None, "//srv/data/x/y.qvd");
    check("lib://Linux/Sub/X.qvd", None, "/data/Qlik/Sub/X.qvd");
}

#[test]
fn what_is_not_known_keeps_its_text() {
    check("lib://Other/A/B.qvd", None, "lib://other/a/b.qvd");
    check("LIB://Other//A/B.qvd", None, "lib://other/a/b.qvd");
    check("lib://:DataFiles/x.xlsx", None, "lib://:datafiles/x.xlsx");
    check("lib://Finance:DataFiles/x.qvd", None, "datafiles:/finance:datafiles/x.qvd");
    check("lib://Web page", None, "lib://web page");
    check("lib://DB/x", None, "lib://db/x");
    check("https://Example.com/Data/X.csv?a=B", None, "https://example.com/Data/X.csv?a=B");
    check("lib://Other/$(vPath)/x.qvd", None, "lib://other/$(vpath)/x.qvd");
}

#[test]
fn relative_paths_follow_the_directory() {
    check("x.qvd", Some("lib://QVDs/"), "d:/qlikdata/qvd/x.qvd");
    check("sub/x.qvd", Some("C:\\Data"), "c:/data/sub/x.qvd");
    check("lib://QVDs/x.qvd", Some("C:\\Data"), "d:/qlikdata/qvd/x.qvd");
    check("..\\qvd\\X.qvd", None, "../qvd/x.qvd");
    check("./x.qvd", Some(""), "x.qvd");
}

#[test]
fn base_names() {
    for (path, expected) in [
        ("lib://A/Sales 2020.qvd", "Sales 2020"),
        ("C:\\x\\y.tar.gz", "y.tar"),
        ("x", "x"),
        ("lib://A/.hidden", ".hidden"),
    ] {
        assert_eq!(base_name(path), expected);
    }
}
