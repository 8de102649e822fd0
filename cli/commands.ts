import type { CommandModule } from "yargs";

type Finish = (code: number) => void;

/** A command of the first level: the line about it, and what else the parser needs once it is asked for. */
interface Command {
  readonly describe: string;
  /** Loads the command's module; `finish` takes the exit code of its run. */
  readonly load: (finish: Finish) => Promise<CommandModule>;
}

/** As the parser takes it: which options a command's handler reads is between its builder and its handler. */
const loaded = <Options>(module: CommandModule<object, Options>) => module as unknown as CommandModule;

/** The commands by name, in the order of the help. Only those that are named are loaded: start time is theirs. */
export const commands: Readonly<Record<string, Command>> = {
  status: {
    describe: "Probe every role now and show which degradation modes hold",
    load: async (finish) => loaded((await import("./commands/status.ts")).statusCommand(finish)),
  },
  runbook: {
    describe: "List, read and search the runbooks, one page per degradation mode",
    load: async (finish) => loaded((await import("./commands/runbook.ts")).runbookCommand(finish)),
  },
  recover: {
    describe: "Plan a recovery, carry it out with --execute, and look after runs",
    load: async (finish) => loaded((await import("./commands/recover.ts")).recoverCommand(finish)),
  },
  audit: {
    describe: "Find out afterwards what a degradation did",
    load: async (finish) => loaded((await import("./commands/audit.ts")).auditCommand(finish)),
  },
  oncall: {
    describe: "Answer an alert with what holds now and the plan that would end it",
    load: async (finish) => loaded((await import("./commands/oncall.ts")).oncallCommand(finish)),
  },
  drill: {
    describe: "Rehearse a degradation mode: fault, containment, alert, recovery, steady state",
    load: async (finish) => loaded((await import("./commands/drill.ts")).drillCommand(finish)),
  },
  capacity: {
    describe: "Say what each failure would do at your rates, by formula and by simulation",
    load: async (finish) => loaded((await import("./commands/capacity.ts")).capacityCommand(finish)),
  },
  init: {
    describe: "Draft redisops.yaml from a live platform",
    load: async (finish) => loaded((await import("./commands/init.ts")).initCommand(finish)),
  },
  doctor: {
    describe: "Check access, grants, versions, rules, routes and boards, each with the fix",
    load: async (finish) => loaded((await import("./commands/doctor.ts")).doctorCommand(finish)),
  },
  exporter: {
    describe: "Serve Prometheus metrics of every configured role, of Postgres and of the providers",
    load: async (finish) => loaded((await import("./commands/exporter.ts")).exporterCommand(finish)),
  },
  config: {
    describe: "Check the configuration, or show what is in effect",
    load: async (finish) => loaded((await import("./commands/config.ts")).configCommand(finish)),
  },
  dashboards: {
    describe: "Write the Grafana boards as files, or bring a Grafana’s boards up to date",
    load: async (finish) => loaded((await import("./commands/dashboards.ts")).dashboardsCommand(finish)),
  },
  generate: {
    describe: "Write alert rules, the Alertmanager configuration, dashboards or Kubernetes manifests",
    load: async (finish) => loaded((await import("./commands/generate.ts")).generateCommand(finish)),
  },
  catalog: {
    describe: "Show what each degradation mode has: metrics, panels, alert, page, recovery, drill",
    load: async (finish) => loaded((await import("./commands/catalog.ts")).catalogCommand(finish)),
  },
  lab: {
    describe: "Run the whole platform on this machine, and break it (in a checkout)",
    load: async (finish) => loaded((await import("./commands/lab.ts")).labCommand(finish)),
  },
  completion: {
    describe: "Print the completion script of a shell",
    load: async (finish) => loaded((await import("./commands/completion.ts")).completionCommand(finish)),
  },
};
