import type { OncallConfig } from "../../core/config/oncall-section.ts";
import { messageOf } from "../../core/errors.ts";
import type { Answer, Execution } from "./answer.ts";
import { sections } from "./answer-text.ts";
import { slackText } from "./chat-text.ts";

/** Longest time for one post, in milliseconds, and how often it is tried. */
const deadline = 10_000;
const tries = 2;

async function post(what: string, url: string, body: unknown, token?: string): Promise<string | undefined> {
  let problem = "";
  for (let attempt = 1; attempt <= tries; attempt += 1) {
    try {
      const response = await fetch(url, {
        method: "POST",
        redirect: "error",
        headers: {
          "Content-Type": "application/json",
          ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(deadline),
      });
      await response.body?.cancel();
      if (response.ok) return undefined;
      problem = `status ${response.status}`;
      // What is refused once is refused again.
      if (response.status < 500 && response.status !== 429) break;
    } catch (error) {
      // The cause names host and port at most; fetch's own message may hold the URL, which is a secret.
      const { cause } = error as { cause?: { code?: string } };
      problem =
        error instanceof Error && error.name === "TimeoutError"
          ? `no answer within ${deadline / 1000} s`
          : (cause?.code ?? "it cannot be reached");
    }
  }
  return `the answer did not reach ${what}: ${problem}`;
}

/** Posts an answer to where redisops.yaml says. Never rejects: what did not arrive is told in a sentence each. */
export async function postAnswer(
  said: Answer | Execution,
  { answers: { slack, webhook } }: OncallConfig,
): Promise<string[]> {
  const ways = [
    ...(slack === undefined
      ? []
      : [
          async () =>
            post("oncall.answers.slack", slack.reveal(), { text: slackText(sections(said, Date.now())) }),
        ]),
    ...(webhook === undefined
      ? []
      : [async () => post("oncall.answers.webhook", webhook.url.reveal(), said, webhook.token?.reveal())]),
  ];
  const problems = await Promise.all(ways.map((way) => way().catch(messageOf)));
  return problems.filter((problem) => problem !== undefined);
}
