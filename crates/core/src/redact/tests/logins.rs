//! Passwords of `.netrc` and of options that take a name with its password.

use super::*;

#[test]
fn passwords_of_netrc_are_masked() {
    masks("machine example.com login ann password hunter2\n", "machine example.com login ann password ***\n");
    masks(
        "machine a.example\n\tlogin ann\n\tpassword \"hunt er2\"\nmachine b.example login bob account x password p:w\n",
        "machine a.example\n\tlogin ann\n\tpassword \"***\"\nmachine b.example login bob account x password ***\n",
    );
    masks("default login anonymous password me@example.com", "default login anonymous password ***");
    masks("machine a password hunter2 login ann", "machine a password *** login ann");
    masks(
        r#"{"text":"machine a login ann password hunter2\n"},"n":1}"#,
        r#"{"text":"machine a login ann password ***\n"},"n":1}"#,
    );
    keeps("The machine asks for a password and a name.");
    keeps("A virtual machine needs no login password to start.");
    keeps("the default password policy");
    keeps("machine login");
}

#[test]
fn passwords_of_netrc_are_masked_where_programs_say_where_its_lines_stand() {
    let lines = [
        "machine a.example",
        "\tlogin ann",
        "# of the old one",
        "\tpassword hunter2",
        "machine b login c password hunter2",
    ];
    let shown = |show: &dyn Fn(usize, &str) -> String| {
        lines.iter().enumerate().map(|(place, line)| show(place + 1, line) + "\n").collect::<String>()
    };
    for text in [
        shown(&|place, line| format!("{:6}\t{line}", place + 7)),
        shown(&|place, line| format!("{place}:{line}")),
        shown(&|place, line| format!(".netrc:{place}:{line}")),
        shown(&|place, line| format!("my files/.netrc{0}{place}{0}{line}", if place == 1 { ':' } else { '-' })),
        shown(&|_, line| format!("+{line}")),
        shown(&|_, line| format!("-{line}")),
        shown(&|place, line| format!("d/.netrc{}{line}", if place == 1 { ':' } else { '-' })),
        shown(&|place, line| format!("{}{line}", if place == 4 { '+' } else { ' ' })),
        shown(&|_, line| format!("{line}\n")),
        shown(&|place, line| found(".netrc", place, line)),
        shown(&|place, line| {
            let line = line.replace('\t', "\\t");
            format!(
                r#"{{"type":"match","data":{{"path":{{"text":"d/.netrc"}},"lines":{{"text":"{line}\n"}},"line_number":{place},"submatches":[{{"match":{{"text":"{line}"}},"start":0,"end":9}}]}}}}"#
            )
        }),
        lines.join("\r\n"),
    ] {
        let masked = mask(&text);
        assert!(
            !masked.contains("hunter2") && masked.contains("ann") && masked.contains("a.example"),
            "{text}{masked}"
        );
        assert_eq!(mask(&masked), masked);
    }
    keeps("1:machine a\n2:is a host\n3:login password\n");
    keeps("machine a\n# login b password c\n");
}

#[test]
fn passwords_behind_the_name_an_option_takes_are_masked() {
    masks("curl -u ann:hunter2 https://example.com", "curl -u ann:*** https://example.com");
    masks("curl -sS \\\n  -uann:hunter2 \\\n  x", "curl -sS \\\n  -uann:*** \\\n  x");
    masks("curl -u 'ann:hunt er2' x", "curl -u 'ann:***' x");
    masks("curl -U ann@example.com:hunter2; ls", "curl -U ann@example.com:***; ls");
    masks("fetch --user ann:hunter2 x", "fetch --user ann:*** x");
    masks("fetch --user=ann:hunter2 x", "fetch --user=ann:*** x");
    masks("fetch --proxy-user \"ann:hunter2\"", "fetch --proxy-user \"ann:***\"");
    masks("curl -sSfu ann:hunter2 https://example.com", "curl -sSfu ann:*** https://example.com");
    masks("curl -sku ann:hunter2 x; curl -fsSLu \"ann:hunt er2\"", "curl -sku ann:*** x; curl -fsSLu \"ann:***\"");
    masks("/usr/bin/curl -L \\\n -sUann:hunter2", "/usr/bin/curl -L \\\n -sUann:***");
    masks("curl -su \"ann:$(wget evil)\" -ku b:hunter2", "curl -su \"ann:$(wget evil)\" -ku b:***");
    for text in ["curl -ou a:b", "curl x\nrg -nu a:b", "curly -su a:b", "curl x-su a:b", "curl -Xsu a:b"] {
        keeps(text);
    }
    for text in [
        "sudo -u root ls",
        "curl -u ann https://example.com",
        "curl -u \"$NAME:$WORD\" x",
        "user: name",
        "--user root",
        "docker run --user 1000:1000 x",
        "docker run --user node:node x",
        "systemctl --user status",
        "rg -u a:b src",
        "rsync -u host:file there",
        "curl x\ngit fetch -u a:b",
        "curl -u http://example.com",
        "--user-agent: x:y",
        "git push -u origin HEAD:main",
    ] {
        keeps(text);
    }
}
