// The part of the raw-socket package (1.8.1) that vipd uses; it brings no types of its own.

declare module "raw-socket" {
  export type RawSocket = {
    on(event: "message", listener: (buffer: Uint8Array, source: string) => void): void;
    on(event: "error", listener: (error: Error) => void): void;
    setOption(level: number, option: number, value: number): void;
    setOption(level: number, option: number, value: Uint8Array, length: number): void;
    send(
      buffer: Uint8Array,
      offset: number,
      length: number,
      address: string,
      done: (error: Error | null, bytes: number) => void,
    ): void;
    close(): void;
  };
  export function createSocket(options: { readonly protocol: number }): RawSocket;
}
