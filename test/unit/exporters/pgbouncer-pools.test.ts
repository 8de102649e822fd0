import { expect, test } from "vitest";
import { poolSamples } from "../../../exporters/postgres/pgbouncer-probe.ts";

type Rows = Parameters<typeof poolSamples>[0];

/** Values by metric, without its prefix, and state. */
const values = (pools: Rows, databases: Rows) =>
  Object.fromEntries(
    poolSamples(pools, databases).map(({ metric, labels: { state }, value }) => [
      [metric.replace("redisops_pgbouncer_", ""), ...(state === undefined ? [] : [state])].join(" "),
      value,
    ]),
  );

const counts = {
  cl_active: "7",
  cl_waiting: "3",
  sv_active: "2",
  sv_idle: "1",
  sv_used: "4",
  sv_tested: "1",
  sv_login: "1",
};

test("pools of PgBouncer 1.7, which knows whole seconds and no cancel requests", () => {
  const pools = [{ database: "app", user: "a", ...counts, maxwait: "12" }];
  expect(values(pools, [{ name: "app", pool_size: "20", reserve_pool: "0" }])).toEqual({
    "clients active": 7,
    "clients waiting": 3,
    "servers active": 2,
    "servers idle": 1,
    "servers used": 4,
    "servers other": 2,
    servers_limit: 20,
    max_wait_seconds: 12,
  });
});

test("pools of PgBouncer 1.24: those of one database share its limit, and the longest wait counts", () => {
  const newer = { ...counts, sv_active_cancel: 1, sv_being_canceled: 2, load_balance_hosts: null };
  const pools = [
    { database: "app", user: "a", ...newer, maxwait: 0, maxwait_us: 250_000 },
    { database: "app", user: "b", ...newer, maxwait: 1, maxwait_us: 500_000 },
    { database: "reports", user: "a", ...newer, maxwait: 0, maxwait_us: 0 },
  ];
  const databases = [
    { name: "app", pool_size: 20, reserve_pool_size: 0, max_connections: 30, max_client_connections: 0 },
    { name: "reports", pool_size: 5, reserve_pool_size: 0, max_connections: 0, max_client_connections: 0 },
    { name: "unused", pool_size: 50, reserve_pool_size: 0, max_connections: 0, max_client_connections: 0 },
  ];
  expect(values(pools, databases)).toMatchObject({
    "clients active": 21,
    "clients waiting": 9,
    "servers other": 15,
    servers_limit: 35,
    max_wait_seconds: 1.5,
  });
});

test("no pool yet", () => {
  expect(values([], [{ name: "app", pool_size: 20 }])).toMatchObject({
    "clients waiting": 0,
    servers_limit: 0,
    max_wait_seconds: 0,
  });
});
