package jobs

import (
	"slices"
	"testing"

	"github.com/choriste/choriste/store"
)

// What is to be read is given out together, the more the more there is, and each row to the job that has its number. Every other step has a job for each row.
func TestReadingIsGivenOutTogether(t *testing.T) {
	for rows, jobs := range map[int]int{1: 1, 7: 7, 8: 4, 100: 8, 200: 13} {
		ids := make([]int64, rows)
		for k := range ids {
			ids[k] = int64(100 + k)
		}
		params, of := InsertAll(store.StepValidate, ids)
		if len(params) != jobs || len(of) != rows {
			t.Errorf("%d rows: %d jobs, want %d", rows, len(params), jobs)
		}
		for k, id := range ids {
			if args := params[of[k]].Args.(ValidateArgs); !slices.Contains(args.IDs, id) || len(args.IDs) > mostRead {
				t.Errorf("%d rows: %d is with %v", rows, id, args)
			}
		}
		params, of = InsertAll(store.StepSubmit, ids)
		for k, id := range ids {
			if len(params) != rows || params[of[k]].Args.(SubmitArgs).ID != id {
				t.Errorf("%d is with %v", id, params[of[k]].Args)
			}
		}
	}
}
