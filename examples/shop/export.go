package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/checkpoint"
)

// pageSize is how many orders are on a page of the export.
const pageSize = 5

// page is one step of the export: a line of its file.
type page struct {
	Number int       `json:"number"`
	First  uint64    `json:"first"` // order
	Last   uint64    `json:"last"`
	PID    int       `json:"pid"` // of the process that wrote it
	Time   time.Time `json:"time"`
}

// exported is how far the export has come: its checkpoint.
type exported struct {
	Page  int    // last one
	Order uint64 // last one on it
}

func exportFile(dir string) string { return filepath.Join(dir, "export.jsonl") }

// export writes all orders into a file, page by page, for ever. It goes on where the last
// run was, which may have been in another process. A page that was written and not noted
// is written again, by the same number.
func (s *service) export(ctx context.Context) error {
	task := hale.FromContext(ctx)
	claim, err := checkpoint.Resume[exported](ctx, checkpoint.Dir(filepath.Join(s.dir, "checkpoints")), "orders.export")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(exportFile(s.dir), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // each line was written, or the error is returned
	s.log.InfoContext(ctx, "export goes on", "page", claim.State.Page+1, "saved", claim.Saved)
	lines, at := json.NewEncoder(file), claim.State
	for {
		task.Beat()
		orders, err := s.store.after(at.Order, pageSize)
		if err != nil {
			return err
		}
		if len(orders) < pageSize {
			if err := rest(ctx, pause); err != nil {
				return err
			}
			continue
		}
		at = exported{Page: at.Page + 1, Order: orders[pageSize-1].ID}
		if err := lines.Encode(page{at.Page, orders[0].ID, at.Order, os.Getpid(), time.Now()}); err != nil {
			return err
		}
		switch err := claim.Save(ctx, at); {
		case errors.Is(err, checkpoint.ErrFenced):
			return nil // a successor has the export
		case err != nil:
			return err
		}
	}
}
