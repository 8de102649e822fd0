import { z } from "zod";
import { httpUrl, positiveDuration, secret } from "./fields.ts";

/** Where boards are pushed to. */
export const grafanaSection = z
  .strictObject({
    url: httpUrl()
      .refine((text) => !/[?#]/.test(text), "expected an address without ? and #")
      .describe("Address of Grafana, with its path where it has one."),
    token: secret().describe(
      "Token of a service account that may create folders and write dashboards (the role Editor).",
    ),
    folder: z
      .string()
      .min(1)
      .max(189)
      .default("redisops")
      .describe("Folder of boards that Grafana does not have yet; boards that it has stay where they are."),
    timeout: positiveDuration().default("10s").describe("Longest time for one call."),
  })
  .describe("Lets redisops dashboards push and diff work on your Grafana.");

export type GrafanaConfig = z.output<typeof grafanaSection>;
