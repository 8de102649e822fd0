import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { defaultRuleOptions } from "../../../alerts/defaults.ts";
import { renderPrometheusRule, renderRules } from "../../../alerts/rules.ts";

const duration = {
  type: "string",
  pattern: "^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$",
};
const texts = { type: "object", additionalProperties: { type: "string" } };

/**
 * What the custom resource definition monitoring.coreos.com/v1 says of a PrometheusRule (operator 0.82). Fields that it
 * does not have are pruned by the API server without a word; here they are refused.
 */
const definition = {
  type: "object",
  required: ["apiVersion", "kind", "metadata", "spec"],
  additionalProperties: false,
  properties: {
    apiVersion: { const: "monitoring.coreos.com/v1" },
    kind: { const: "PrometheusRule" },
    metadata: {
      type: "object",
      required: ["name"],
      additionalProperties: false,
      properties: {
        // RFC 1123, as for every object of Kubernetes.
        name: { type: "string", maxLength: 253, pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" },
        labels: {
          type: "object",
          additionalProperties: {
            type: "string",
            maxLength: 63,
            pattern: "^([A-Za-z0-9]([-\\w.]*[A-Za-z0-9])?)?$",
          },
        },
      },
    },
    spec: {
      type: "object",
      required: ["groups"],
      additionalProperties: false,
      properties: {
        groups: {
          type: "array",
          items: {
            type: "object",
            required: ["name"],
            additionalProperties: false,
            properties: {
              name: { type: "string", minLength: 1 },
              interval: duration,
              limit: { type: "integer" },
              rules: {
                type: "array",
                items: {
                  type: "object",
                  required: ["expr"],
                  additionalProperties: false,
                  properties: {
                    record: { type: "string" },
                    alert: { type: "string" },
                    expr: { type: ["integer", "string"] },
                    for: duration,
                    keep_firing_for: { ...duration, minLength: 1 },
                    labels: texts,
                    annotations: texts,
                  },
                  oneOf: [{ required: ["record"] }, { required: ["alert"] }],
                },
              },
            },
          },
        },
      },
    },
  },
};

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(definition);

interface Resource {
  readonly spec: { readonly groups: readonly { readonly name: string; readonly rules: readonly object[] }[] };
}

const resource = () => parse(renderPrometheusRule(defaultRuleOptions())) as Resource;

test("the PrometheusRule is what the operator’s definition of the resource allows", () => {
  validate(resource());
  expect(validate.errors ?? []).toEqual([]);
  const names = resource().spec.groups.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test.each<[string, object]>([
  ["a group without a name", { rules: [] }],
  ["a duration of another notation", { name: "a", rules: [{ alert: "A", expr: "1", for: "1.5m" }] }],
  ["a number as a label", { name: "a", rules: [{ alert: "A", expr: "1", labels: { severity: 1 } }] }],
  ["a rule that records and alerts", { name: "a", rules: [{ alert: "A", record: "a", expr: "1" }] }],
  ["a field of no version", { name: "a", rules: [{ alert: "A", expr: "1", runbook: "x" }] }],
])("%s would be refused", (_, group) => {
  expect(validate({ ...resource(), spec: { groups: [group] } })).toBe(false);
});

test("it has the rules of the plain file", () => {
  const file = parse(renderRules(defaultRuleOptions())) as Resource["spec"];
  expect(resource().spec).toEqual(file);
});
