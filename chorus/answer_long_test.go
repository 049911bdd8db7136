//go:build long

package chorus

import "testing"

func TestLongHostileAnswersCostTheirBytes(t *testing.T) {
	costTheirBytes(t, hostileAnswers(true))
}
