export function closingOf(code: number): Closing;
export type Closing = {
    /**
     * the session is over: no reconnect
     */
    final?: boolean | undefined;
    /**
     * only with another token
     */
    freshToken?: boolean | undefined;
    /**
     * come back at some moment within so long, at least
     */
    spreadMs?: number | undefined;
    /**
     * but not before that, even when there is something to send
     */
    restMs?: number | undefined;
};
