const siblings = ["fallbacks", "exporters", "alerts", "dashboards", "runbooks", "recovery"];

/** The house's arrows; docs/architecture.md says why. */
export default {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "catalog-imports-nothing",
      severity: "error",
      from: { path: "^catalog/" },
      to: { pathNot: "^catalog/" },
    },
    {
      name: "core-imports-only-the-catalog",
      severity: "error",
      from: { path: "^core/" },
      to: { path: `^(${siblings.join("|")}|operations|lab|cli|bench|scripts|test)/` },
    },
    ...siblings.map((own) => ({
      name: `${own}-stands-alone`,
      severity: "error",
      from: { path: `^${own}/` },
      to: {
        path: `^(${[...siblings.filter((other) => other !== own), "operations", "lab", "cli", "bench", "scripts", "test"].join("|")})/`,
      },
    })),
    {
      name: "operations-know-no-command-line",
      severity: "error",
      from: { path: "^operations/" },
      to: { path: "^(lab|cli|bench|scripts|test)/" },
    },
    {
      name: "nothing-imports-the-cli",
      severity: "error",
      from: { pathNot: "^(cli|test|bin)/" },
      to: { path: "^cli/" },
    },
    {
      name: "only-dashboards-use-grafana",
      severity: "error",
      from: { pathNot: "^dashboards/" },
      to: { path: "@grafana/grafana-foundation-sdk" },
    },
    {
      name: "the-published-code-uses-no-development-package",
      severity: "error",
      from: { path: `^(catalog|core|${siblings.join("|")}|operations|cli)/` },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    { name: "no-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|node_modules|\\.git)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".mjs"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types"],
    },
  },
};
