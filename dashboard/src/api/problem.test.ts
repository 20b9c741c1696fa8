import { describe, expect, it } from "vitest";
import { errorsByField, fieldPath, problemFrom, problemFromThrown } from "./problem";

describe("problemFrom", () => {
  it("keeps the service's own words", () => {
    const problem = problemFrom(409, {
      title: "Name taken",
      code: "name_taken",
      detail: "There is already a cluster named orders.",
      errors: [{ field: "name", code: "taken", message: "is taken" }],
    });
    expect(problem).toMatchObject({ status: 409, code: "name_taken", title: "Name taken" });
    expect(problem.message).toBe("There is already a cluster named orders.");
    expect(problem.errors).toEqual([{ field: "name", code: "taken", message: "is taken" }]);
  });

  it("speaks clearly about a proxy's page", () => {
    expect(problemFrom(502, "<html>Bad gateway</html>").detail).toMatch(/could not be reached/);
    expect(problemFrom(404, undefined).title).toBe("The service answered 404");
  });

  it("does not trust the shape of errors[]", () => {
    expect(problemFrom(422, { title: "No", errors: [null, "x", { field: 3 }] }).errors).toEqual([
      { field: "", code: "", message: "is not valid" },
    ]);
    expect(problemFrom(422, { title: "No", errors: "all of it" }).errors).toEqual([]);
  });
});

describe("problemFromThrown", () => {
  it("knows a dead network and a deadline", () => {
    expect(problemFromThrown(new TypeError("Failed to fetch")).code).toBe("unreachable");
    expect(problemFromThrown(new DOMException("late", "TimeoutError")).code).toBe("timeout");
  });
});

describe("fields", () => {
  it.each([
    ["name", "name"],
    ["/config/retention.ms", "config.retention.ms"],
    ['$.config["retention.ms"]', "config.retention.ms"],
    ["body.brokers", "brokers"],
    ["#/name", "name"],
  ])("reads %s as %s", (field, path) => {
    expect(fieldPath(field)).toBe(path);
  });

  it("puts what the form does not show above it", () => {
    const problem = problemFrom(422, {
      title: "Unprocessable",
      errors: [
        { field: "name", code: "a", message: "is too long." },
        { field: "name", code: "b", message: "must start with a letter." },
        { field: "engine.version", code: "c", message: "is unknown." },
      ],
    });
    const { fields, others } = errorsByField(problem, (path) => path === "name");
    expect(fields.get("name")).toBe("is too long. must start with a letter.");
    expect(others.map((error) => error.field)).toEqual(["engine.version"]);
  });
});
