import { parse, stringify } from "yaml";
import { z } from "zod";

/**
 * Over what a drill rates the events of an objective that pages, in place of minutes and hours. The windows of tickets stay: on
 * a lab of some minutes they have too little traffic to conclude anything.
 */
const drillWindows: Readonly<Record<string, string>> = {
  "5m": "10s",
  "30m": "15s",
  "1h": "20s",
  "6h": "30s",
};

const ruleFile = z.looseObject({
  groups: z.array(
    z.looseObject({
      rules: z.array(
        z.looseObject({ expr: z.string(), labels: z.record(z.string(), z.string()).optional() }),
      ),
    }),
  ),
});

/**
 * The generated rules on a drill's clocks: what is recorded over an objective's window is rated over a shorter one. The series
 * keep their names and labels, so that alerts and boards read them as ever.
 */
export function drillRules(text: string): string {
  const file = ruleFile.parse(parse(text));
  const groups = file.groups.map((group) => ({
    ...group,
    rules: group.rules.map((rule) => {
      const { window } = rule.labels ?? {};
      const shorter = window === undefined ? undefined : drillWindows[window];
      if (!("record" in rule) || shorter === undefined) return rule;
      return { ...rule, expr: rule.expr.replaceAll(`[${window}]`, `[${shorter}]`) };
    }),
  }));
  return stringify({ ...file, groups }, { lineWidth: 0, aliasDuplicateObjects: false });
}
