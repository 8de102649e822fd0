import { during } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const rule = (role: string, name: string) => ({ role, rule: name });

export const RoleContractViolated: DegradationMode = {
  id: "RoleContractViolated",
  title: "A server’s settings contradict what its role needs",
  role: "any",
  board: "redisops-topology",
  severity: "ticket",
  nature: "cause",
  origin:
    "Each Redis here has another criticality and another fallback, so the same setting that is right for the preferences cache (evict what is old) makes the sequence store repeat ids. Nothing shows it until the day it costs data.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_role_contract_violated", except: { rule: "replicas" } },
    aggregate: "max",
    by: ["role", "rule"],
    comparison: "==",
    limit: 1,
  },
  thresholds: {
    for: {
      value: "10m",
      unit: "duration",
      reason:
        "Settings are changed server by server, and by hand during maintenance. What stands for ten minutes was meant to stay, or was forgotten.",
    },
  },
  summary: "Redis of {{ $labels.role }} is set up against its role: {{ $labels.rule }}",
  description:
    "At least one server of {{ $labels.role }} contradicts the role’s contract in {{ $labels.rule }}. 0% of the users are affected now. `redisops status --role {{ $labels.role }}` names the server, what is live, what is right and what it would cost.",
  userImpact:
    "None yet. At the memory limit, at the next restart or at the next failover it becomes what the status line says: repeated ids, users who look offline, duplicates.",
  containment:
    "None: the fallbacks contain a Redis that fails, not one that answers with less than it was given.",
  aggravators: [
    "Restarting the server while persistence is off: it comes back without what it held.",
    "CONFIG SET without CONFIG REWRITE: it looks mended until the next restart.",
    "CONFIG SET appendonly yes on a full disk: the rewrite fails, and writes may be refused with it.",
  ],
  normal: "redisops_role_contract_violated is 0 for every rule that can be judged.",
  frequency:
    "After a change of configuration, a new server from a default image, or a failover to a replica that was set up differently.",
  prevention:
    "Keep each role’s settings under version control, and declare what you have decided on in roles.<role>.contract; a shared cluster of preferences and token_bucket needs it, since the two by themselves want opposite evictions.",
  topologies: {
    sentinel: "Replicas are judged too: one with other settings becomes the primary one day.",
    cluster:
      "Every node is judged; one of twelve is enough. A cluster that two roles share is judged for each of them.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: [
        "sequence  127.0.0.1:…  degraded  RoleContractViolated  …  (see below)",
        "  contract violated: eviction is allkeys-lru at 127.0.0.1:…, noeviction is right: at the memory limit keys are evicted without a word: counters fall behind the ids that were given, and message ids repeat",
        "  RoleContractViolated: A server’s settings contradict what its role needs",
      ],
      branches: [
        {
          observed: "“eviction is allkeys-lru …, noeviction is right”",
          conclusion:
            "Set maxmemory-policy to noeviction, and see that maxmemory leaves room: from now on a full server refuses writes instead of dropping keys.",
        },
        {
          observed: "“eviction is noeviction …, evicting is right”",
          conclusion:
            "Set maxmemory-policy to allkeys-lru (or allkeys-lfu): a cache that is full should drop the oldest, not stop caching.",
        },
        {
          observed: "“persistence is none …” or “persistence is rdb …”, “aof is right”",
          conclusion:
            "CONFIG SET appendonly yes writes the whole log first; check that the disk has twice the data’s size free.",
        },
        {
          observed: "“min_replicas_to_write …” or “maxmemory …”",
          conclusion:
            "These are judged only because redisops.yaml declares them. Set the server, or correct the declaration.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "redisops never changes a server’s settings: it cannot know whether the server or the declaration is wrong.",
    instead:
      "CONFIG SET what the status line calls right on the server that it names, then CONFIG REWRITE so that it survives a restart. Or declare in roles.<role>.contract what you have decided on, and reload the exporter.",
    proof: "redisops_role_contract_violated is 0 for the role and the rule.",
    within: "one scrape",
    rollback: "CONFIG SET the value that the status line showed as live before.",
    whenItFails:
      "Where CONFIG is denied (managed Redis), change the parameter group of the provider. Where a setting cannot be changed at run time, change it on the replica, restart that, fail over, and repeat on the other server.",
  },
  drill: { kind: "lab", inject: ["wrong-config --role sequence"] },
  inhibits: [],
  panels: ["contract-violations", "node-evictions", "node-persistence"],
  scenarios: [
    {
      name: "somebody lets the sequence store evict",
      faults: [during(15, "redisops_role_contract_violated", rule("sequence", "eviction"), 0, 1)],
      expect: [
        { at: "2m", firing: [] },
        { at: "12m", firing: [] },
        { at: "15m", firing: ["RoleContractViolated"] },
        { at: "20m", firing: [] },
      ],
    },
    {
      name: "persistence is switched off for a maintenance of eight minutes",
      faults: [during(8, "redisops_role_contract_violated", rule("sequence", "persistence"), 0, 1)],
      expect: [
        { at: "10m", firing: [] },
        { at: "14m", firing: [] },
      ],
    },
    {
      name: "a replica is missing: RedisReplicaLost says that",
      faults: [
        during(15, "redisops_role_contract_violated", rule("dedup", "replicas"), 0, 1),
        during(15, "redisops_shard_replicas_in_sync", { role: "dedup", shard: "0" }, 1, 0),
      ],
      expect: [{ at: "16m", firing: ["RedisReplicaLost"] }],
    },
  ],
  example: {
    labels: { role: "sequence", rule: "eviction" },
    summary: "Redis of sequence is set up against its role: eviction",
    description:
      "At least one server of sequence contradicts the role’s contract in eviction. 0% of the users are affected now. `redisops status --role sequence` names the server, what is live, what is right and what it would cost.",
  },
};
