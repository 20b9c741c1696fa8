/** Pairs of a setting and its value, with the service's word about each beside it. */
import { useId } from "react";
import { Button, IconButton } from "./button";
import { FieldError, INPUT } from "./field";

export interface ConfigRow {
  /** Keeps a row's inputs its own while others come and go. */
  id: number;
  key: string;
  value: string;
}

export function configOf(rows: readonly ConfigRow[]): Record<string, string> {
  return Object.fromEntries(rows.filter((row) => row.key.trim() !== "").map((row) => [row.key.trim(), row.value.trim()]));
}

interface ConfigRowsProps {
  rows: readonly ConfigRow[];
  onChange: (rows: ConfigRow[]) => void;
  suggestions: readonly string[];
  /** By path: `config.retention.ms`. */
  errors: ReadonlyMap<string, string>;
}

export function ConfigRows({ rows, onChange, suggestions, errors }: ConfigRowsProps) {
  const listId = useId();
  const change = (id: number, part: Partial<ConfigRow>) =>
    onChange(rows.map((row) => (row.id === id ? { ...row, ...part } : row)));
  return (
    <div className="space-y-2">
      <datalist id={listId}>
        {suggestions.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {rows.map((row, index) => {
        const error = errors.get(`config.${row.key.trim()}`);
        return (
          <div key={row.id}>
            <div className="flex items-center gap-2">
              <input
                aria-label={`Setting ${index + 1}`}
                list={listId}
                placeholder="log.retention.ms"
                spellCheck={false}
                autoCapitalize="none"
                value={row.key}
                onChange={(event) => change(row.id, { key: event.target.value })}
                className={`${INPUT} flex-[3] font-mono`}
              />
              <input
                aria-label={`Value of ${row.key || `setting ${index + 1}`}`}
                aria-invalid={error ? true : undefined}
                placeholder="value"
                spellCheck={false}
                autoCapitalize="none"
                value={row.value}
                onChange={(event) => change(row.id, { value: event.target.value })}
                className={`${INPUT} flex-[2] font-mono`}
              />
              <IconButton icon="minus" label={`Remove ${row.key || `setting ${index + 1}`}`} onClick={() => onChange(rows.filter((other) => other.id !== row.id))} />
            </div>
            {error && <FieldError>{error}</FieldError>}
          </div>
        );
      })}
      <Button
        icon="plus"
        kind="quiet"
        onClick={() => onChange([...rows, { id: Math.max(0, ...rows.map((row) => row.id)) + 1, key: "", value: "" }])}
        className={rows.length === 0 ? "-ml-2" : ""}
      >
        Add setting
      </Button>
      {errors.get("config") && <FieldError>{errors.get("config")}</FieldError>}
    </div>
  );
}
