//! The known formats of secrets, each a pattern behind the words that announce it.
//!
//! The formats are those published by the gitleaks project (MIT licence,
//! Copyright (c) 2019 Zachary Rice, <https://github.com/gitleaks/gitleaks>); the patterns here
//! were written anew and are looser: a lower least length, so that a cut secret is found too, and
//! no word boundaries, so that none is hidden by the text around it.

use std::sync::OnceLock;

use regex::Regex;

/// One format. The pattern is matched where a keyword stands and nowhere else.
pub(super) struct Rule {
    pub(super) keywords: &'static [&'static str],
    pattern: &'static str,
    regex: OnceLock<Option<Regex>>,
}

impl Rule {
    const fn new(keywords: &'static [&'static str], pattern: &'static str) -> Self {
        Self { keywords, pattern, regex: OnceLock::new() }
    }

    /// The bytes to mask in `text` when the format stands at `at`: the group `s`, or the whole match.
    ///
    /// Every pattern ends with one greedy class or fails within its least length, so the cost of
    /// all calls over one text grows with the text, not with its square.
    pub(super) fn find(&self, text: &str, at: usize) -> Option<(usize, usize)> {
        let regex = self.regex.get_or_init(|| Regex::new(&format!(r"\A(?-u:{})", self.pattern)).ok());
        let rest = text.get(at..)?;
        let regex = regex.as_ref()?;
        let found =
            if regex.captures_len() > 1 { regex.captures(rest)?.name("s")?.range() } else { regex.find(rest)?.range() };
        Some((at + found.start, at + found.end))
    }

    #[cfg(test)]
    pub(super) fn compiles(&self) -> bool {
        Regex::new(&format!(r"\A(?-u:{})", self.pattern)).is_ok()
    }
}

/// All formats that begin with their keyword.
pub(super) static RULES: [Rule; 77] = [
    // Clouds. After an AWS key id, its secret key often follows: `id,secret`.
    Rule::new(
        &["akia", "asia", "abia", "acca", "a3t"],
        r#"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}(?:[\s,;:|"']{1,8}[A-Za-z0-9/+]{40})?"#,
    ),
    Rule::new(&["absk"], r"ABSK[A-Za-z0-9+/]{60,}={0,2}"),
    Rule::new(&["bedrock-api-key-"], r"bedrock-api-key-[A-Za-z0-9+/=_-]{16,}"),
    Rule::new(&["aiza"], r"AIza[A-Za-z0-9_-]{24,}"),
    Rule::new(&["ya29."], r"ya29\.[A-Za-z0-9_-]{16,}"),
    Rule::new(&["gocspx-"], r"GOCSPX-[A-Za-z0-9_-]{16,}"),
    Rule::new(&["1//0"], r"1//0[A-Za-z0-9_-]{24,}"),
    Rule::new(&["sig="], r"sig=(?P<s>[A-Za-z0-9%+/=_-]{24,})"),
    Rule::new(&["ltai"], r"LTAI[A-Za-z0-9]{12,}"),
    Rule::new(&["akid"], r"AKID[A-Za-z0-9]{24,}"),
    Rule::new(&["doo_v1_", "dop_v1_", "dor_v1_"], r"do[opr]_v1_[A-Za-z0-9]{16,}"),
    Rule::new(&["hrku-"], r"HRKU-[A-Za-z0-9_-]{20,}"),
    Rule::new(&["v1.0-"], r"v1\.0-[a-f0-9]{24}-[a-f0-9]{32,}"),
    Rule::new(&["fo1_", "fm1a_", "fm1r_", "fm2_"], r"(?:fo1|fm1[ar]|fm2)_[A-Za-z0-9+/=_-]{24,}"),
    Rule::new(&["tskey-"], r"tskey-[a-z]+-[A-Za-z0-9_-]{12,}"),
    Rule::new(&["dapi"], r"dapi[a-f0-9]{32}[a-f0-9-]*"),
    Rule::new(&["nvapi-"], r"nvapi-[A-Za-z0-9_-]{24,}"),
    Rule::new(&["pul-"], r"pul-[a-f0-9]{32,}"),
    Rule::new(&["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[A-Za-z0-9_-]{18,}"),
    Rule::new(
        &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."],
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{24,}",
    ),
    Rule::new(&["ops_eyj"], r"ops_eyJ[A-Za-z0-9+/=_-]{24,}"),
    Rule::new(&["a3-"], r"A3-[A-Z0-9]{6}-[A-Z0-9]{5,11}-[A-Z0-9-]{10,}"),
    Rule::new(&["age-secret-key-1"], r"(?i:AGE-SECRET-KEY-1)[A-Za-z0-9]{16,}"),
    // Forges and package registries.
    Rule::new(&["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"gh[pousr]_[A-Za-z0-9_]{16,}"),
    Rule::new(&["github_pat_"], r"github_pat_[A-Za-z0-9_]{16,}"),
    Rule::new(
        &[
            "glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-", "glimt-", "glagent-", "gloas-",
            "glffct-", "glrtr-", "glwt-",
        ],
        r"gl(?:pat|dt|rt|ptt|cbt|ft|soat|imt|agent|oas|ffct|rtr|wt)-[A-Za-z0-9_.=-]{16,}",
    ),
    Rule::new(&["gr1348941"], r"GR1348941[A-Za-z0-9_-]{16,}"),
    Rule::new(&["npm_"], r"npm_[A-Za-z0-9]{24,}"),
    Rule::new(&["pypi-"], r"pypi-(?:AgE[A-Za-z0-9_-]{13,}|[A-Za-z0-9_-]{60,})"),
    Rule::new(&["rubygems_"], r"rubygems_[a-f0-9]{24,}"),
    Rule::new(&["clojars_"], r"(?i:CLOJARS_)[A-Za-z0-9]{40,}"),
    Rule::new(&["dckr_pat_", "dckr_oat_"], r"dckr_[po]at_[A-Za-z0-9_-]{16,}"),
    Rule::new(&["akcp", "cmvmd"], r"(?:AKCp|cmVmd)[A-Za-z0-9]{50,}"),
    Rule::new(&["atatt3", "atctt3", "atbb"], r"(?:ATATT3|ATCTT3|ATBB)[A-Za-z0-9_=-]{24,}"),
    Rule::new(&["sgp_"], r"sgp_[A-Za-z0-9_]{32,}"),
    // Payment.
    Rule::new(
        &["sk_live", "sk_test", "sk_prod", "rk_live", "rk_test", "rk_prod"],
        r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{8,}",
    ),
    Rule::new(&["whsec_"], r"whsec_[A-Za-z0-9+/=_-]{16,}"),
    Rule::new(&["shpat_", "shpca_", "shppa_", "shpss_", "shptka_"], r"shp(?:at|ca|pa|ss|tka)_[A-Fa-f0-9]{16,}"),
    Rule::new(&["sq0atp-", "sq0csp-"], r"sq0(?:atp|csp)-[A-Za-z0-9_-]{16,}"),
    Rule::new(&["eaaa", "eaac", "eaam"], r"EAA(?:A[A-Za-z0-9_-]{56,}|[MC][A-Za-z0-9]{60,})"),
    Rule::new(&["ezak", "eztk"], r"EZ[AT]K[A-Za-z0-9]{54,}"),
    Rule::new(&["duffel_"], r"duffel_(?:test|live)_[A-Za-z0-9_=-]{24,}"),
    Rule::new(&["flwseck"], r"(?i:FLWSECK)(?:_TEST)?-[A-Za-z0-9]{12,}"),
    // Models.
    Rule::new(&["sk-ant-"], r"sk-ant-[A-Za-z0-9_-]{8,}"),
    Rule::new(
        &["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-none-", "sk-or-", "sk-lf-"],
        r"sk-(?:proj|svcacct|admin|None|or|lf)-[A-Za-z0-9_-]{12,}",
    ),
    Rule::new(&["hf_", "api_org_"], r"(?:hf_|api_org_)[A-Za-z0-9]{20,}"),
    Rule::new(&["gsk_"], r"gsk_[A-Za-z0-9]{32,}"),
    Rule::new(&["xai-"], r"xai-[A-Za-z0-9_-]{40,}"),
    Rule::new(&["pplx-"], r"pplx-[A-Za-z0-9]{32,}"),
    Rule::new(&["r8_"], r"r8_[A-Za-z0-9]{28,}"),
    // Talk and mail.
    Rule::new(
        &["xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-"],
        r"xox[a-z][-.][A-Za-z0-9%+/=.-]{8,}",
    ),
    Rule::new(&["xapp-"], r"xapp-[0-9]-[A-Za-z0-9-]{10,}"),
    Rule::new(
        &["hooks.slack.com/"],
        r"(?i:hooks\.slack\.com)/(?:services|workflows|triggers)/(?P<s>[A-Za-z0-9+/_-]{16,})",
    ),
    Rule::new(&["/api/webhooks/"], r"/api/webhooks/[0-9]{5,20}/(?P<s>[A-Za-z0-9_-]{16,})"),
    Rule::new(&[".webhook.office.com/"], r"\.webhook\.office\.com/webhookb2/(?P<s>[A-Za-z0-9@/_-]{16,})"),
    Rule::new(&["sg."], r"SG\.[A-Za-z0-9_.=-]{24,}"),
    Rule::new(&["key-"], r"key-[a-f0-9]{32}"),
    Rule::new(&["xkeysib-", "xsmtpsib-"], r"x(?:key|smtp)sib-[a-f0-9]{32,}[A-Za-z0-9-]*"),
    Rule::new(
        &[
            "sk0", "sk1", "sk2", "sk3", "sk4", "sk5", "sk6", "sk7", "sk8", "sk9", "ska", "skb", "skc", "skd", "ske",
            "skf",
        ],
        r"SK[A-Fa-f0-9]{32}",
    ),
    // Work and watching.
    Rule::new(&["pmak-"], r"PMAK-[a-f0-9-]{40,}"),
    Rule::new(&["lin_api_", "lin_oauth_"], r"lin_(?:api|oauth)_[A-Za-z0-9]{24,}"),
    Rule::new(&["secret_", "ntn_"], r"(?:secret|ntn)_[A-Za-z0-9]{40,}"),
    Rule::new(&["nrak-", "nrii-", "nrjs-", "nral-", "nriq-"], r"NR(?:AK|II|JS|AL|IQ)-[A-Za-z0-9_-]{16,}"),
    Rule::new(&["sntrys_", "sntryu_"], r"sntry[su]_[A-Za-z0-9+/=_-]{32,}"),
    Rule::new(&["glc_", "glsa_"], r"gl(?:c|sa)_[A-Za-z0-9+/_]{32,}={0,2}"),
    Rule::new(&["figd_", "figu_"], r"fig[du]_[A-Za-z0-9_-]{24,}"),
    Rule::new(&["sbp_"], r"sbp_[a-f0-9]{32,}"),
    Rule::new(&["sb_secret_"], r"sb_secret_[A-Za-z0-9_-]{16,}"),
    Rule::new(&["dt0c01."], r"dt0c01\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{24,}"),
    Rule::new(&["pat-na1-", "pat-eu1-"], r"pat-(?:na|eu)1-[A-Fa-f0-9-]{24,}"),
    Rule::new(&["pnu_", "pnb_"], r"pn[ub]_[A-Za-z0-9]{32,}"),
    Rule::new(&["tfp_"], r"tfp_[A-Za-z0-9_-]{40,}"),
    // calt's own tokens.
    Rule::new(&["calt_"], r"calt_[a-f0-9]{32,}"),
    // The hash of a PIN lets whoever reads it try them all.
    Rule::new(&["$argon2"], r"\$argon2(?:id|[id])\$[A-Za-z0-9=,]{3,32}\$[A-Za-z0-9=,]{3,64}\$[A-Za-z0-9+/$]{16,}"),
    // A JWT encoded once more, and credentials after their scheme.
    Rule::new(&["zxlk"], r"ZXlK[A-Za-z0-9+/=_-]{40,}"),
    Rule::new(
        &["bearer"],
        r#"(?i:bearer)[\s:=]{1,4}["']?(?P<s>[A-Za-z0-9._~+/=-]{16,}|[A-Za-z._~+/=-]{0,15}[0-9][A-Za-z0-9._~+/=-]{5,})"#,
    ),
    Rule::new(&["basic"], r"(?i:basic)[ \t]{1,4}(?P<s>[A-Za-z0-9+/_-]{16,}={0,2}|[A-Za-z0-9+/_-]{2,}={1,2})"),
];
