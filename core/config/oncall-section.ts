import { z } from "zod";
import { type RecoveryName, recoveryRoles } from "../../catalog/recoveries.ts";
import { positiveDuration, secret } from "./fields.ts";

const recoveryName = () => z.enum(Object.keys(recoveryRoles) as [RecoveryName, ...RecoveryName[]]);

const answers = z
  .strictObject({
    slack: secret()
      .optional()
      .describe("Reference to the URL of an incoming webhook of Slack, or of what takes its format."),
    webhook: z
      .strictObject({
        url: secret().describe("Reference to the URL to which the answer is posted as JSON."),
        token: secret().optional().describe("Reference to a bearer token for it."),
      })
      .optional()
      .describe("An address that takes answers as JSON, as redisops oncall --json prints them."),
  })
  .default({})
  .describe("Where answers are posted, besides being printed.");

/** The section `oncall` of redisops.yaml. */
export const oncallSection = z
  .strictObject({
    token: secret()
      .optional()
      .describe(
        "Reference to the token that Alertmanager presents: as bearer token, or as the password of basic authentication. Needed unless only this machine can connect.",
      ),
    execute: z
      .array(recoveryName())
      .default([])
      .describe("Recoveries that redisops oncall --listen may carry out by itself; none when left out."),
    execute_severe: z
      .array(recoveryName())
      .default([])
      .describe(
        "Those of them whose severe plans it may carry out too, for which a person has to give --confirm.",
      ),
    cooldown: positiveDuration()
      .default("30m")
      .describe("A recovery is not carried out so soon after its last run began, whoever began it."),
    max_per_hour: z
      .int()
      .min(1)
      .max(60)
      .default(3)
      .describe("Runs within an hour, of all recoveries and whoever began them, beyond which none is begun."),
    retry: positiveDuration()
      .default("1m")
      .describe("How often it is looked again whether a recovery may be carried out, while its alert fires."),
    repeat_after: positiveDuration()
      .default("10m")
      .describe("A notification that only repeats what was answered is answered again after this time."),
    answers,
  })
  .prefault({})
  .describe("How redisops oncall answers alerts, and what it may carry out by itself.");

export type OncallConfig = z.output<typeof oncallSection>;
