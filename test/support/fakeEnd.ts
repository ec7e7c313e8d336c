import type { End, EndClose, EndListener } from '../../src/plane/end.ts';

/** An end that does nothing by itself and notes what is asked of it. */
export class FakeEnd implements End {
  readonly asked: string[] = [];
  isFull = false;
  queuedBytes = 0;
  listener: EndListener | undefined;

  attach(listener: EndListener): void {
    this.listener = listener;
  }

  write(chunk: Buffer): boolean {
    this.asked.push(`write ${chunk.toString('latin1')}`);
    return !this.isFull;
  }

  pause(): void { this.asked.push('pause'); }
  resume(): void { this.asked.push('resume'); }
  probe(): boolean { this.asked.push('probe'); return false; }
  end(): void { this.asked.push('end'); }
  linger(): void { this.asked.push('linger'); }
  reset(): void { this.asked.push('reset'); }

  receives(bytes: Buffer): void { this.listener!.onData(bytes); }
  says(text: string): void { this.receives(Buffer.from(text)); }
  ends(): void { this.listener!.onEnd(); }
  drains(): void { this.listener!.onDrain(); }
  closes(how: EndClose): void { this.listener!.onClose(how); }
}
