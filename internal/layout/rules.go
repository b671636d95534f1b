package layout

// Module is the path of the SDK's module, and the prefix of all others here.
const Module = "github.com/hale-go/hale"

// MaxLines is the length of the longest Go file that is allowed.
const MaxLines = 400

// Rule says what one folder and those in it may import. The standard library
// and the folder itself are always allowed.
type Rule struct {
	Folder  string   // Folder is relative to the repository's root; "." is the root package only.
	Imports []string // Imports lists the folders of the SDK that it may import.
	Others  []string // Others lists path prefixes of other people's modules.
}

// Rules holds the direction of imports:
//
//	internal, observe ← detect ← diagnose ← heal ← the root ← everything else
//
// A folder without a rule is above the root and may import anything that
// [Adapters] allows. The first rule that fits holds. What is to stand beside the
// stages gets a rule when it comes: a test checks that each names a folder.
var Rules = []Rule{
	{Folder: "internal/resource", Imports: []string{"internal", "observe"}, Others: []string{"github.com/prometheus/procfs"}},
	{Folder: "internal", Imports: []string{"observe"}},
	{Folder: "observe", Imports: []string{"internal"}},
	{Folder: "detect", Imports: []string{"internal", "observe"}},
	{Folder: "diagnose", Imports: []string{"internal", "observe", "detect"}},
	{Folder: "heal", Imports: []string{"internal", "observe", "detect", "diagnose"}},
	{Folder: "process", Imports: []string{"internal"}, Others: []string{"github.com/coreos/go-systemd"}},
	{Folder: "isolate", Imports: []string{"internal"}, Others: []string{"github.com/failsafe-go/failsafe-go"}},
	{Folder: "checkpoint/bolt", Imports: []string{"checkpoint"}, Others: []string{"go.etcd.io/bbolt"}},
	{Folder: "checkpoint", Imports: []string{"."}},
	{Folder: "standby", Imports: []string{"internal", "."}},
	{Folder: ".", Imports: []string{"internal", "observe", "detect", "diagnose", "heal", "isolate"}},
}

// Adapters tie hale to other libraries. A service takes the ones that it needs,
// so they never import one another.
var Adapters = []string{"halehttp", "halesql", "haleprom", "haleotel", "halezap", "halegrpc"}

// TestImports holds path prefixes that test files may import on top of what
// their folder may.
var TestImports = []string{
	"go.uber.org/goleak", "github.com/google/pprof", "github.com/jackc/pgx/v5", Module + "/haletest", Module + "/internal/pgtest",
}

// BadNames says too little of what is inside; no file or folder bears one, nor
// one of them as a part between underscores.
var BadNames = []string{"util", "utils", "common", "manager", "managers", "helper", "helpers"}
