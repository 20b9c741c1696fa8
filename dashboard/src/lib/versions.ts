/** Which versions a cluster could have instead of its own. Pure. */
import type { Engine, EngineVersion } from "../api/types";

/** In the service's order, newest first; only of the cluster's engine, because a cluster keeps that. */
export function otherVersions(engine: Engine, known: readonly EngineVersion[]): string[] {
  return known.filter((each) => each.engine === engine.kind && each.version !== engine.version).map((each) => each.version);
}
