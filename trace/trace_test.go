package trace

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)
func TestX(t *testing.T) {
	qs := map[string][]string{"01":{"m2@app.platform.example"},"02":{"n4@app.platform.example"},"03":{"x@down.example"},"04":{"late@b.platform.example","forger@b.platform.example","b=forged@b.platform.example"},
	"05":{"n10@app.platform.example"},"06":{"n12@app.platform.example"},"07":{"AF35A9C86DD"},"08":{"z1@app.platform.example"},"09":{"latin@receiver.example","long@receiver.example","gmx@receiver.example","b@receiver.example",`"a b, status=sent (x"@receiver.example`},"10":{"exams@university.example","x@receiver.example","y@receiver.example"}}
	files, _ := filepath.Glob("/work/shared/cases/log/*")
	for _, f := range files {
		text, _ := os.ReadFile(f)
		_, rest, _ := strings.Cut(string(text), "\n")
		for _, query := range qs[filepath.Base(f)[:2]] {
		q, err := ParseQuery(query)
		if err != nil { t.Fatal(err) }
		r := Search(q, Options{}, Source{Name: filepath.Base(f), In: strings.NewReader(rest), End: time.Date(2027,1,1,6,0,0,0,time.UTC)})
		for _, h := range r.Holes { t.Log("HOLE", h) }
		for _, h := range r.Notes { t.Log("NOTE", h) }
		for _, s := range r.Stories { t.Log(query, s.Time, s.Answer, s.Notes)
		j, _ := json.MarshalIndent(s, "", " "); if testing.Verbose() && query == os.Getenv("Q") { t.Log(string(j)) } }
		}
	}
}
