import { errorCodes, exitCodes } from "../../core/error-codes.ts";
import { codeBlock, inlineCode, page, table } from "../../runbooks/markdown.ts";

const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: "Done, or there was nothing to do. A recovery that acted has also been verified.",
  failed:
    "The command could not do its work; the message says what happened and what to do next. Or what it looked at is not as it should be: `status` or `doctor` found something wrong, a drill failed, `catalog` found a gap, `runbook search` found no page.",
  planHasChanges:
    "There is something to do, and nothing was changed: a plan was printed, which the same command with `--execute` carries out, or `dashboards diff` found what a push would change.",
  stale:
    "What a plan or a run rests on has changed, or another run has the role by now. Nothing more was written.",
  notConfirmed: "A severe action was not confirmed by naming platform and role. Nothing was changed.",
  resumable:
    "The run stopped half-way. Everything that it wrote stands; the message says how to resume it (`redisops recover resume <run>`).",
  lockHeld: "Another run works on the role. Nothing was changed.",
  verificationFailed: "The recovery acted, and the check afterwards does not hold.",
  notOverwritten:
    "What is there already was left as it is: a board in Grafana that redisops did not make or that somebody has changed since, or the redisops.yaml that `init` would have replaced.",
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
