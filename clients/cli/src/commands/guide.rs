//! `calt guide`: how calt works, on one screen.

use calt_api::Language;
use serde_json::json;

use crate::context::Context;
use crate::fault::Fault;
use crate::words::language;

/// One screen of 80 by 24, with lines left for the command and the prompt.
const fn text(language: Language) -> &'static str {
    match language {
        Language::English => ENGLISH,
        Language::Japanese => JAPANESE,
    }
}

const ENGLISH: &str = "\
calt: plan -> approve -> execute -> record

  A program proposes a plan: ordered steps, each one use of one tool. Nothing
  runs before a person said yes to the plan and to the step, and what runs is
  what was seen. A write is previewed first. A failure stops everything: only a
  new plan version leads on. All of it stands in a record, for good.

First
  calt quickstart              a small plan, with one refusal, in a minute
  calt wizard run              asked question by question; Enter writes nothing
  calt doctor                  what is set up, what is missing, and the fix
Then
  calt run PLAN.yaml           see it, say yes, let it run, read the record
  calt run --session SESSION   go on with one
  calt explain SESSION         where it stands, why, and the next command
  calt inbox                   what waits for you; `calt session list` has all
  calt logs search WORD        what happened, in English and Japanese
  calt undo SESSION            take back what was written

More: calt help COMMAND. Discord: docs/discord.md, or in /usr/share/doc/calt.
An agent gets a token that can never approve: calt token create --role agent
";

const JAPANESE: &str = "\
calt: プラン -> 承認 -> 実行 -> 記録

  プログラムがプランを提案します。プランは順に並んだステップで、各ステップは
  一つのツールを一度使います。人がプランとステップを承認するまで何も動かず、
  動くのは見たものそのものです。書き込みは先にプレビューします。失敗すると
  すべて止まり、先へ進めるのは新しい版のプランだけです。すべて記録に残ります。

はじめに
  calt quickstart              小さなプランと、拒否される例。一分で終わります
  calt wizard run              質問に答えて進めます。Enter なら何も書きません
  calt doctor                  整っているもの、足りないもの、その直し方
それから
  calt run PLAN.yaml           見て、承認し、実行し、記録を読みます
  calt run --session SESSION   続きを行います
  calt explain SESSION         今の状態、その理由、次のコマンド
  calt inbox                   あなたを待つもの（全部は `calt session list`）
  calt logs search WORD        何が起きたか。英語でも日本語でも検索できます
  calt undo SESSION            書き込んだものを元へ戻します

ほかは calt help COMMAND。Discord: docs/discord.md（か /usr/share/doc/calt）
エージェントには承認のできないトークンを: calt token create --role agent
";

pub(crate) fn run(context: &Context) -> Result<(), Fault> {
    let text = text(language());
    context.show(&json!({"guide": text}), |_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_and_the_prompt_below_it_fit_a_screen_of_80_by_24() {
        for text in [ENGLISH, JAPANESE].map(str::lines) {
            assert!(text.clone().count() <= 22, "{}", text.count());
            for line in text {
                assert!(calt_api::visible::columns(line) < 80, "{line}");
            }
        }
        assert!(ENGLISH.is_ascii());
    }

    #[test]
    fn the_guide_names_the_same_commands_in_both_languages() {
        let commands = |text: &'static str| -> Vec<&str> {
            text.lines().filter(|line| line.starts_with("  calt ")).filter_map(|line| line.get(..31)).collect()
        };
        assert_eq!(commands(ENGLISH), commands(JAPANESE));
    }
}
