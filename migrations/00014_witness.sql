-- For the question whether a deposit that was acknowledged later can be found already (docs/protocol.md §3.4): asked at each look-up.

-- +goose Up
CREATE INDEX invoices_deposited_at ON chorus.invoices (account, deposited_at) WHERE deposited_at IS NOT NULL;
