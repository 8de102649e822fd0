import { renderAlertmanager } from "../alerts/alertmanager.ts";
import { defaultRuleOptions } from "../alerts/defaults.ts";
import { renderNotificationTemplate } from "../alerts/notification-template.ts";
import { renderRuleTests } from "../alerts/rule-tests.ts";
import { renderPrometheusRule, renderRules } from "../alerts/rules.ts";
import { modes } from "../catalog/modes.ts";
import { buildDashboards } from "../dashboards/build.ts";
import { v2Manifest } from "../dashboards/v2.ts";
import { renderRunbookIndex } from "../runbooks/index.ts";
import { renderRunbook } from "../runbooks/render.ts";
import { readVerified } from "../runbooks/verified.ts";
import { renderConfigurationDoc } from "./generate/configuration-doc.ts";
import { renderErrorsDoc } from "./generate/errors-doc.ts";
import { renderJsonDoc, renderJsonOutputSchema } from "./generate/json-doc.ts";
import { renderMetricsDoc } from "./generate/metrics-doc.ts";
import { renderSchemaFile } from "./generate/schema-file.ts";

/** A file that is committed and never edited by hand. */
export interface GeneratedFile {
  /** Relative to the repository's root. */
  readonly path: string;
  content(): string;
}

/** Folders in which every file with that ending is generated; another one there is an orphan. */
export const generatedFolders: readonly { readonly folder: string; readonly ending: string }[] = [
  { folder: "runbooks", ending: ".md" },
  { folder: "alerts/rules", ending: ".yml" },
  { folder: "alerts/rules", ending: ".yaml" },
  { folder: "alerts/tests", ending: ".yml" },
  { folder: "alerts/alertmanager", ending: ".yml" },
  { folder: "alerts/alertmanager", ending: ".tmpl" },
  { folder: "dashboards/dist", ending: ".json" },
  { folder: "dashboards/dist/v2", ending: ".json" },
];

const rules = defaultRuleOptions();
const verified = readVerified();

/** Every generated file. `generate` writes this list and `verify` compares with it, so that they cannot disagree. */
export const generatedFiles: readonly GeneratedFile[] = [
  ...modes.map((mode) => ({
    path: `runbooks/${mode.id}.md`,
    content: () => renderRunbook(mode, { verified: verified[mode.id] }),
  })),
  { path: "runbooks/README.md", content: () => renderRunbookIndex(modes) },
  { path: "docs/metrics.md", content: () => renderMetricsDoc(modes) },
  { path: "docs/configuration.md", content: () => renderConfigurationDoc(modes) },
  { path: "docs/redisops.schema.json", content: renderSchemaFile },
  { path: "docs/errors.md", content: renderErrorsDoc },
  { path: "docs/json.md", content: renderJsonDoc },
  { path: "docs/json.schema.json", content: renderJsonOutputSchema },
  { path: "alerts/rules/redisops.rules.yml", content: () => renderRules(rules) },
  {
    path: "alerts/rules/redisops.prometheusrule.yaml",
    content: () => renderPrometheusRule(rules),
  },
  {
    path: "alerts/tests/redisops.test.yml",
    content: () => renderRuleTests("../rules/redisops.rules.yml", rules),
  },
  {
    path: "alerts/alertmanager/alertmanager.yml",
    content: () => renderAlertmanager({ receivers: {}, groupWait: "10s" }),
  },
  { path: "alerts/alertmanager/redisops.tmpl", content: renderNotificationTemplate },
  ...buildDashboards(rules).flatMap(({ fileName, json }) => [
    { path: `dashboards/dist/${fileName}`, content: () => `${JSON.stringify(json, null, 2)}\n` },
    {
      path: `dashboards/dist/v2/${fileName}`,
      content: () => `${JSON.stringify(v2Manifest(json), null, 2)}\n`,
    },
  ]),
];
