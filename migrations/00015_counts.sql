-- Counting divides the statuts by the bits of their place in the list, each time by the next one (docs/operating.md, "The change feed").

-- +goose Up
ALTER TABLE chorus.structures ADD COLUMN counts int NOT NULL DEFAULT 0; -- so many have been made
