import { errorCodes, exitCodes } from "../../core/error-codes.ts";
import { codeBlock, inlineCode, page, table } from "../../runbooks/markdown.ts";

const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: "Done, or there was nothing to do. A recovery that acted has also been verified.",
  failed: "The command could not do its work. The message says what happened and what to do next.",
  planHasChanges: "A plan was printed and nothing was changed. The same command with `--execute` acts.",
  stale:
    "What a plan or a run rests on has changed, or another run has the role by now. Nothing more was written.",
  notConfirmed: "A severe action was not confirmed by naming platform and role. Nothing was changed.",
  resumable:
    "The run stopped half-way. Everything that it wrote stands; the message says how to resume it (`redisops recover resume <run>`).",
  lockHeld: "Another run works on the role. Nothing was changed.",
  verificationFailed: "The recovery acted, and the check afterwards does not hold.",
  notOverwritten:
    "A board in Grafana was left as it is, because redisops did not make it or somebody has changed it since.",
  denied: "The server rejects the credentials, or they do not allow it.",
  usage: "The command line or the configuration is at fault. Nothing was changed.",
  webConfig:
    "The file of `redisops exporter --web.config.file`, or a certificate or key that it names, is at fault.",
  interrupted:
    "Interrupted by a signal (Ctrl-C), at a safe point. A run can be resumed; doing it again is safe as well.",
};

const exampleError = JSON.stringify(
  {
    error: {
      code: "REDIS_REFUSED",
      message: "dedup Redis at 127.0.0.1:6380 refused the connection",
      target: "dedup Redis at 127.0.0.1:6380",
      next: errorCodes.REDIS_REFUSED.next,
    },
  },
  null,
  2,
);

/** docs/errors.md: every exit code and every error code, with what to do about it. */
export function renderErrorsDoc(): string {
  const exits = Object.entries(exitCodes)
    .sort(([, a], [, b]) => a - b)
    .map(([name, code]) => [inlineCode(String(code)), exitMeanings[name as keyof typeof exitCodes]]);
  const sections = Object.entries(errorCodes).flatMap(([code, { meaning, next, exitCode }]) => [
    `### ${code}`,
    meaning,
    `- Next step: ${next}\n- Exit code: ${exitCode}`,
  ]);
  return page([
    "<!-- Generated from core/error-codes.ts. Edit that, then run npm run generate. -->",
    "# Errors and exit codes",
    "Every error names what happened, to which target, and the next step. Codes and exit codes are stable: scripts may depend on them; messages may change.",
    "## Exit codes",
    table(["Exit code", "Meaning"], exits),
    "## JSON form",
    "With `--json` a command prints its error in this form on stdout. `target` is left out where there is none; configuration errors also have `problems`, each with `line`, `column`, `path` and `message`.",
    codeBlock("json", exampleError),
    "## Error codes",
    "The next step is the general one; the message of an error may name a better one.",
    ...sections,
  ]);
}
