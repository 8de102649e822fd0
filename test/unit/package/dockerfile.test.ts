import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Dockerfile, DockerfileParser, type From, type Instruction } from "dockerfile-ast";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const read = (name: string) => readFileSync(`${root}${name}`, "utf8");

interface Manifest {
  readonly version: string;
  readonly files: readonly string[];
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(read("package.json")) as Manifest;

/** What speaks against a Dockerfile, in a sentence each. */
function complaints(text: string): string[] {
  const file: Dockerfile = DockerfileParser.parse(text);
  const said: string[] = [];
  const all = file.getInstructions();
  const froms = file.getFROMs();
  const last = froms.at(-1);
  const inLast = all.filter(
    (each) => last !== undefined && each.getRange().start.line >= last.getRange().start.line,
  );
  const named = (from: readonly Instruction[], keyword: string) =>
    from.filter((each) => each.getKeyword() === keyword);
  const only = (from: readonly Instruction[], keyword: string) =>
    named(from, keyword).at(-1)?.getArgumentsContent() ?? "";
  const stages = froms.flatMap((from: From) => from.getBuildStage() ?? []);
  for (const from of froms) {
    const image = from.getImage() ?? "";
    if (!stages.includes(image) && !/:\d+\.\d+\.\d+/.test(image))
      said.push(`${image} is not pinned to a version`);
    if (/^node:/.test(image) && !image.startsWith(`node:${manifest.devDependencies.node}-`))
      said.push(`${image} is not the Node of the tests`);
  }
  if (froms.length < 2) said.push("what builds is part of the image");
  if (!/^[1-9]\d*:[1-9]\d*$/.test(only(inLast, "USER")))
    said.push("the image does not run as an unprivileged user by its number");
  if (only(inLast, "HEALTHCHECK") === "") said.push("there is no HEALTHCHECK");
  for (const keyword of ["ENTRYPOINT", "CMD"])
    if (!only(inLast, keyword).startsWith("["))
      said.push(`${keyword} is run by a shell, which takes the signals`);
  if (named(all, "ADD").length > 0) said.push("ADD fetches and unpacks by itself");
  if (named(inLast, "VOLUME").length > 0) said.push("a VOLUME cannot be read-only");
  for (const each of [...named(all, "ENV"), ...named(all, "ARG")])
    if (/PASSWORD|SECRET|TOKEN|_KEY/.test(each.getArgumentsContent() ?? ""))
      said.push("a secret would stay in the image");
  for (const each of named(all, "RUN"))
    if (/\b(?:curl|wget|apt-get|sudo|chmod 777)\b/.test(each.getArgumentsContent() ?? ""))
      said.push("something is fetched that is not pinned");
  return said;
}

test("the Dockerfile has nothing that speaks against it", () => {
  expect(complaints(read("Dockerfile"))).toEqual([]);
});

test.each([
  [
    /^FROM node:[^ ]+$/m,
    "FROM node:latest",
    ["node:latest is not pinned to a version", "node:latest is not the Node of the tests"],
  ],
  [/^USER .*$/m, "USER root", ["the image does not run as an unprivileged user by its number"]],
  [/^HEALTHCHECK [\s\S]*?(?=^ENTRYPOINT)/m, "", ["there is no HEALTHCHECK"]],
  [/^ENTRYPOINT .*$/m, "ENTRYPOINT redisops", ["ENTRYPOINT is run by a shell, which takes the signals"]],
  [/^EXPOSE .*$/m, "ENV REDIS_PASSWORD=x", ["a secret would stay in the image"]],
] as const)("a Dockerfile where %s becomes %j is complained about", (what, instead, expected) => {
  expect(complaints(read("Dockerfile").replace(what, instead))).toEqual(expected);
});

test("the build sees what it needs, and neither node_modules nor secrets", () => {
  const lines = read(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(lines[0]).toBe("*");
  const taken = lines.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  expect(taken.filter((path) => !existsSync(`${root}${path}`))).toEqual([]);
  const compiled = (JSON.parse(read("tsconfig.build.json")) as { include: string[] }).include;
  const published = manifest.files.filter((path) => !path.startsWith("!") && path !== "dist");
  const needed = [...compiled, ...published, "package.json", "package-lock.json", "README.md", "LICENSE"];
  expect(needed.filter((path) => !taken.some((own) => path === own || path.startsWith(`${own}/`)))).toEqual(
    [],
  );
  expect(lines).toContain("**/node_modules");
});

test("the version that the Dockerfile and the Kubernetes manifests name is that of the package", () => {
  expect(read("Dockerfile")).toContain(`-t redisops:${manifest.version} .`);
});
