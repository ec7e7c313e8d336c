import type { LogLevel } from '../protocol/messages.ts';

/** Where every room of the control side writes what happened; no secret may reach it. */
export interface Log {
  write(level: LogLevel, text: string): void;
}
