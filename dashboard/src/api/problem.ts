/**
 * Everything that can go wrong with a request, as one error that the screens know how to show.
 * The service answers with RFC 9457 problems; a proxy, a dead network or a timeout does not, and
 * must read just as clearly.
 */
export interface FieldError {
  field: string;
  code: string;
  message: string;
}

export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  constructor(
    /** HTTP status; 0 when there was no answer. */
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly errors: readonly FieldError[] = [],
  ) {
    super(detail || title);
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function fieldErrors(value: unknown): FieldError[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter((entry): entry is Record<string, unknown> => typeof entry === "object" && entry !== null)
    .map((entry) => ({
      field: text(entry.field),
      code: text(entry.code),
      message: text(entry.message) || text(entry.code) || "is not valid",
    }));
}

/** A problem document (or whatever came instead of one) with its status. */
export function problemFrom(status: number, body: unknown): ApiProblem {
  const fields = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const title = text(fields.title);
  if (title || text(fields.detail)) {
    return new ApiProblem(
      status,
      text(fields.code) || "unknown",
      title || `The service answered ${status}`,
      text(fields.detail),
      fieldErrors(fields.errors),
    );
  }
  return new ApiProblem(
    status,
    "not_a_problem_document",
    status >= 500 ? "The service is not well" : `The service answered ${status}`,
    status === 502 || status === 503 || status === 504
      ? "The control plane could not be reached behind its address. Clusters keep serving their clients meanwhile."
      : "The answer was not one of the service's own; is something else listening at this address?",
  );
}

/** What fetch itself throws: no connection, a name that does not resolve, a deadline. */
export function problemFromThrown(thrown: unknown): ApiProblem {
  if (thrown instanceof ApiProblem) return thrown;
  if (thrown instanceof DOMException && thrown.name === "TimeoutError") {
    return new ApiProblem(0, "timeout", "No answer in time", "The control plane took too long to answer. Try again.");
  }
  if (thrown instanceof TypeError) {
    return new ApiProblem(
      0,
      "unreachable",
      "The control plane cannot be reached",
      "Clusters keep serving their clients meanwhile. This page tries again by itself.",
    );
  }
  return new ApiProblem(0, "unexpected", "Something unexpected happened", thrown instanceof Error ? thrown.message : "");
}

/** One spelling for `config.retention.ms`, `/config/retention.ms`, `$.config["retention.ms"]` and `body.name`. */
export function fieldPath(field: string): string {
  return field
    .replace(/^[#$]?[./]+/, "")
    .replace(/^body[./]/, "")
    .replace(/\[["']?([^"'\]]*)["']?\]/g, ".$1")
    .replaceAll("/", ".");
}

/** Splits a problem's errors into those of the form's own fields and the rest, which go above the form. */
export function errorsByField(
  problem: ApiProblem | null,
  isField: (path: string) => boolean,
): { fields: Map<string, string>; others: FieldError[] } {
  const fields = new Map<string, string>();
  const others: FieldError[] = [];
  for (const error of problem?.errors ?? []) {
    const path = fieldPath(error.field);
    if (!isField(path)) others.push(error);
    else fields.set(path, [fields.get(path), error.message].filter(Boolean).join(" "));
  }
  return { fields, others };
}
